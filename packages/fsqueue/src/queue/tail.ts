import { endingError } from "../ending.ts";
import type { Offset, Position, Store, StoredMessage, WaitSignal } from "../store.ts";
import type { Decoder, Message } from "./message.ts";

/** Which queue a tail follows. It may not be there yet: then `open` makes it. */
export interface TailSource {
  readonly store: Store;
  readonly name: string;
  readonly open: (() => Promise<unknown>) | undefined;
}

const noMessages: readonly StoredMessage[] = [];

/**
 * Follows one queue in batches: resolves with the next messages, waiting for them, and with none once
 * the queue has ended well. Rejects when it has not, and with the signal's reason.
 *
 * It is itself the signal that its waits are given: an AbortController would be a third of what an idle
 * tail weighs.
 */
export class BatchTail implements WaitSignal {
  readonly #source: TailSource;
  readonly #signal: AbortSignal | undefined;
  readonly #max: number;
  #position: Position;
  /** Set once something was read to the end: then there is nothing to read before it was waited for. */
  #end: Offset | undefined;
  #opened: boolean;
  /** Finds out where "now" is. */
  #skipping: Promise<void> | undefined;
  #over = false;
  /** Ends the wait that is under way. */
  #endWait: (() => void) | undefined;
  /** Listens to the caller's signal from the first wait on. */
  #onAbort: (() => void) | undefined;

  constructor(
    source: TailSource,
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

  async next(): Promise<readonly StoredMessage[]> {
    const { store, name } = this.#source;
    try {
      if (this.#skipping !== undefined) await this.#skipping;
      if (!this.#opened) await this.#open();
      while (!this.#over) {
        this.#signal?.throwIfAborted();
        if (this.#end !== undefined) await store.wait(name, this.#end, this);
        const result = await store.read(name, this.#position, { max: this.#max });
        this.#signal?.throwIfAborted();
        this.#position = result.next;
        this.#end = result.atEnd ? result.next : undefined;
        if (result.messages.length > 0) return result.messages;
        const { ending } = result;
        if (ending === undefined) continue;
        if (ending.status !== "ok") throw endingError(name, ending);
        this.close();
      }
    } catch (error) {
      if (!this.#over) {
        this.close();
        throw error;
      }
    }
    return noMessages;
  }

  /** Stop following. A `next` that is waiting resolves with none. */
  close(): void {
    if (this.#over) return;
    this.#over = true;
    this.#endWait?.();
    if (this.#onAbort !== undefined) this.#signal?.removeEventListener("abort", this.#onAbort);
  }

  get aborted(): boolean {
    return this.#over || this.#signal?.aborted === true;
  }

  get reason(): unknown {
    return this.#signal?.reason;
  }

  addEventListener(_type: "abort", listener: () => void): void {
    this.#endWait = listener;
    if (this.#signal === undefined || this.#onAbort !== undefined) return;
    this.#onAbort = () => this.#endWait?.();
    this.#signal.addEventListener("abort", this.#onAbort, { once: true });
  }

  removeEventListener(): void {
    this.#endWait = undefined;
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
    // Told by the first `next`, if there is one.
    skipping.catch(() => {});
    return skipping;
  }
}

/** The messages of a tail, in arrays as they come. */
export class TailBatches<T> implements AsyncIterableIterator<readonly Message<T>[]> {
  readonly #tail: BatchTail;
  readonly #decode: Decoder<T>;

  constructor(tail: BatchTail, decode: Decoder<T>) {
    this.#tail = tail;
    this.#decode = decode;
  }

  async next(): Promise<IteratorResult<readonly Message<T>[], undefined>> {
    const batch = await this.#tail.next();
    if (batch.length === 0) return { done: true, value: undefined };
    return { done: false, value: batch.map(this.#decode) };
  }

  async return(): Promise<IteratorResult<readonly Message<T>[], undefined>> {
    this.#tail.close();
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

/** The messages of a tail, one by one. Those that are there already cost no further wait each. */
export class Tail<T> implements AsyncIterableIterator<Message<T>> {
  readonly #tail: BatchTail;
  readonly #decode: Decoder<T>;
  #batch: readonly StoredMessage[] = noMessages;
  #index = 0;
  /** The call under way, when it has to wait; later ones stand behind it. */
  #turn: Promise<unknown> | undefined;
  #over = false;

  constructor(tail: BatchTail, decode: Decoder<T>) {
    this.#tail = tail;
    this.#decode = decode;
  }

  next(): Promise<IteratorResult<Message<T>, undefined>> {
    if (this.#turn !== undefined) return this.#behind(this.#turn);
    if (this.#over) return ended();
    const message = this.#batch[this.#index];
    if (message === undefined) return this.#wait();
    this.#index += 1;
    try {
      return Promise.resolve({ done: false, value: this.#decode(message) });
    } catch (error) {
      return this.#broken(error);
    }
  }

  return(): Promise<IteratorResult<Message<T>, undefined>> {
    this.#stop();
    return ended();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async #wait(): Promise<IteratorResult<Message<T>, undefined>> {
    const fetched = this.#tail.next();
    this.#turn = fetched;
    try {
      this.#batch = await fetched;
      this.#index = 0;
    } finally {
      this.#turn = undefined;
    }
    const message = this.#batch[0];
    if (message === undefined || this.#over) return { done: true, value: undefined };
    this.#index = 1;
    try {
      return { done: false, value: this.#decode(message) };
    } catch (error) {
      return this.#broken(error);
    }
  }

  async #behind(turn: Promise<unknown>): Promise<IteratorResult<Message<T>, undefined>> {
    await turn.catch(() => {});
    return this.next();
  }

  async #broken(error: unknown): Promise<never> {
    this.#stop();
    throw error;
  }

  #stop(): void {
    this.#over = true;
    this.#tail.close();
    this.#batch = noMessages;
  }
}

async function ended(): Promise<IteratorReturnResult<undefined>> {
  return { done: true, value: undefined };
}
