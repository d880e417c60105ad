import { endingError } from "../ending.ts";
import type {
  Ending,
  LiveListener,
  LiveReader,
  Offset,
  Position,
  Store,
  StoredMessage,
  WaitSignal,
} from "../store.ts";

/** Which queue is followed. It may not be there yet: then `open` makes it. */
export interface FeedSource {
  readonly store: Store;
  readonly name: string;
  readonly open: (() => Promise<unknown>) | undefined;
}

const noMessages: readonly StoredMessage[] = [];

/**
 * The messages of one queue from a position on, to be taken as they come. In a store that tells its readers
 * ({@link Store.follow}) those in memory are taken without a promise; all others are read in batches.
 *
 * It is itself the signal that its waits are given: an AbortController would be a third of what an idle
 * tail weighs.
 */
export class Feed implements WaitSignal, LiveListener {
  readonly #source: FeedSource;
  readonly #signal: AbortSignal | undefined;
  readonly #max: number;
  /** Where to read on. Of no account while there is a reader, which knows better. */
  #position: Position;
  #reader: LiveReader | undefined;
  /** What was read and not yet taken. */
  #batch: readonly StoredMessage[] = noMessages;
  #index = 0;
  /** In a store that does not tell: set once something was read to the end, and must be waited for. */
  #end: Offset | undefined;
  #opened: boolean;
  /** Finds out where "now" is. */
  #skipping: Promise<void> | undefined;
  #over = false;
  /** Came after the messages of a batch: the next one is told. */
  #failure: { readonly error: unknown } | undefined;
  /** Ends the wait that is under way. */
  #endWait: (() => void) | undefined;
  /** Listens to the caller's signal from the first wait on. */
  #onAbort: (() => void) | undefined;
  /** Told when {@link take} may have more to say, once {@link more} or {@link listen} was called. */
  listener: LiveListener | undefined;

  constructor(
    source: FeedSource,
    from: Position,
    { max = 1000, signal }: { max?: number | undefined; signal?: AbortSignal | undefined },
  ) {
    this.#source = source;
    this.#position = from;
    this.#signal = signal;
    this.#max = max;
    this.#opened = source.open === undefined;
    if (from === "now") this.#skipping = this.#skip();
  }

  /** The queue has ended well and all was taken, or the feed was closed. */
  get over(): boolean {
    return this.#over;
  }

  /** All there is was taken, and the listener is told as soon as there is more. */
  get told(): boolean {
    return this.#reader !== undefined && !this.#reader.behind && !this.#over;
  }

  /**
   * The next message, if it is at hand. Throws when the queue has not ended well or cannot be read, and the
   * signal's reason; the feed is closed then.
   */
  take(): StoredMessage | undefined {
    if (this.#over) return undefined;
    try {
      this.#signal?.throwIfAborted();
      if (this.#index < this.#batch.length) {
        const message = this.#batch[this.#index]!;
        this.#index += 1;
        if (this.#index === this.#batch.length) this.#forget();
        return message;
      }
      const reader = this.#reader ?? this.#follow();
      if (reader === undefined) return undefined;
      const message = reader.next();
      if (message === undefined && reader.ending !== undefined) this.#finish(reader.ending);
      return message;
    } catch (error) {
      this.#stop();
      throw error;
    }
  }

  /** Look out for the caller's abort from now on. */
  listen(): void {
    if (this.#signal === undefined || this.#onAbort !== undefined) return;
    this.#onAbort = () => {
      this.#endWait?.();
      // With nobody who waits to be told, the next `take` looks at the signal itself.
      this.#reader?.close();
      this.changed();
    };
    this.#signal.addEventListener("abort", this.#onAbort, { once: true });
  }

  /** Resolves when there may be something to take; rejects like {@link take}. */
  more(): Promise<void> {
    this.listen();
    if (!this.told) return this.#read();
    return new Promise((resolve) => {
      this.listener = { changed: resolve };
    });
  }

  /** The next messages, as many as are at hand, at most `max`, waiting for the first; none at the end. */
  async batch(): Promise<StoredMessage[]> {
    const messages: StoredMessage[] = [];
    for (;;) {
      try {
        if (this.#failure !== undefined) throw this.#failure.error;
        while (messages.length < this.#max) {
          const message = this.take();
          if (message === undefined) break;
          messages.push(message);
        }
      } catch (error) {
        this.#failure = messages.length === 0 ? undefined : { error };
        if (messages.length === 0) throw error;
      }
      if (messages.length > 0 || this.#over) return messages;
      await this.more();
    }
  }

  /** Stop following; who waits is told. */
  close(): void {
    this.#failure = undefined;
    if (this.#over) return;
    this.#stop();
    this.changed();
  }

  /** For the store: there may be something new. */
  changed(): void {
    this.listener?.changed();
  }

  get aborted(): boolean {
    return this.#over || this.#signal?.aborted === true;
  }

  get reason(): unknown {
    return this.#signal?.reason;
  }

  addEventListener(_type: "abort", listener: () => void): void {
    this.#endWait = listener;
  }

  removeEventListener(): void {
    this.#endWait = undefined;
  }

  /** The reader of a store that tells, once the queue is there. */
  #follow(): LiveReader | undefined {
    if (!this.#opened || this.#skipping !== undefined) return undefined;
    const { store, name } = this.#source;
    this.#reader = store.follow?.(name, this.#position, this);
    return this.#reader;
  }

  async #read(): Promise<void> {
    const { store, name } = this.#source;
    try {
      if (this.#skipping !== undefined) await this.#skipping;
      if (!this.#opened) await this.#open();
      while (!this.#over) {
        this.#signal?.throwIfAborted();
        const reader = this.#reader ?? this.#follow();
        if (reader?.behind === false) return;
        if (this.#end !== undefined) await store.wait(name, this.#end, this);
        const from = reader?.offset ?? this.#position;
        const result = await store.read(name, from, { max: this.#max });
        this.#signal?.throwIfAborted();
        this.#batch = result.messages;
        this.#index = 0;
        if (reader !== undefined) reader.moveTo(result.next);
        this.#position = result.next;
        this.#end = reader === undefined && result.atEnd ? result.next : undefined;
        if (result.messages.length > 0) return;
        if (result.ending !== undefined) this.#finish(result.ending);
      }
    } catch (error) {
      if (this.#over) return;
      this.#stop();
      throw error;
    }
  }

  #finish(ending: Ending): void {
    if (ending.status !== "ok") throw endingError(this.#source.name, ending);
    this.#stop();
  }

  #stop(): void {
    this.#over = true;
    this.#forget();
    this.#endWait?.();
    this.#reader?.close();
    if (this.#onAbort !== undefined) this.#signal?.removeEventListener("abort", this.#onAbort);
  }

  /** An idle tail must not keep what it was given last in memory. */
  #forget(): void {
    this.#batch = noMessages;
    this.#index = 0;
  }

  async #open(): Promise<void> {
    await this.#source.open?.();
    this.#opened = true;
  }

  /** Begun by the constructor, so that "now" is when the tail was made and not when it is first read. */
  #skip(): Promise<void> {
    const { store, name } = this.#source;
    const skipping = (async () => {
      if (!this.#opened) await this.#open();
      const { next } = await store.read(name, "now");
      this.#position = next;
      this.#skipping = undefined;
    })();
    // Told by the first who takes, if there is one.
    skipping.catch(() => {});
    return skipping;
  }
}
