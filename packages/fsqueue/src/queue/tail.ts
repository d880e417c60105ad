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

interface Pending {
  resolve(this: void, batch: readonly StoredMessage[] | Promise<readonly StoredMessage[]>): void;
  reject(this: void, reason: unknown): void;
}

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
  /** Set while the store tells of changes by itself: then a wait costs one promise. */
  #unsubscribe: (() => void) | undefined;
  /** The `next` that waits to be told. */
  #pending: Pending | undefined;

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

  next(): Promise<readonly StoredMessage[]> {
    const { store } = this.#source;
    const live = store.tryRead !== undefined && store.subscribe !== undefined;
    if (!live || this.#over || !this.#opened || this.#skipping !== undefined) return this.#next();
    try {
      const batch = this.#take();
      if (batch !== undefined) return Promise.resolve(batch);
      this.#subscribe();
    } catch (error) {
      this.close();
      return Promise.reject(error);
    }
    return new Promise((resolve, reject) => {
      this.#pending = { resolve, reject };
    });
  }

  async #next(): Promise<readonly StoredMessage[]> {
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
    this.#unsubscribe?.();
    this.#settle((pending) => pending.resolve(noMessages));
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
    this.#listen();
  }

  removeEventListener(): void {
    this.#endWait = undefined;
  }

  /** What there is now, from memory or being read; undefined if there is nothing to tell yet. */
  #take(): readonly StoredMessage[] | Promise<readonly StoredMessage[]> | undefined {
    this.#signal?.throwIfAborted();
    const { store, name } = this.#source;
    const result = store.tryRead?.(name, this.#position, { max: this.#max });
    if (result === undefined) {
      this.#end = undefined;
      return this.#next();
    }
    this.#position = result.next;
    this.#end = result.atEnd ? result.next : undefined;
    if (result.messages.length > 0) return result.messages;
    if (result.ending === undefined) return undefined;
    if (result.ending.status !== "ok") throw endingError(name, result.ending);
    this.close();
    return noMessages;
  }

  #subscribe(): void {
    if (this.#unsubscribe !== undefined) return;
    const { store, name } = this.#source;
    this.#unsubscribe = store.subscribe?.(name, () => this.#changed());
    this.#listen();
  }

  #changed(): void {
    if (this.#pending === undefined) return;
    try {
      const batch = this.#take();
      if (batch !== undefined) this.#settle((pending) => pending.resolve(batch));
    } catch (error) {
      this.#settle((pending) => pending.reject(error));
      this.close();
    }
  }

  #settle(how: (pending: Pending) => void): void {
    const pending = this.#pending;
    if (pending === undefined) return;
    this.#pending = undefined;
    how(pending);
  }

  #listen(): void {
    if (this.#signal === undefined || this.#onAbort !== undefined) return;
    this.#onAbort = () => {
      this.#endWait?.();
      // With no `next` to tell, the following one looks at the signal itself.
      this.#unsubscribe?.();
      this.#unsubscribe = undefined;
      if (this.#pending === undefined) return;
      this.#settle((pending) => pending.reject(this.#signal?.reason));
      this.close();
    };
    this.#signal.addEventListener("abort", this.#onAbort, { once: true });
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

  /** No `async`: of a live message's way to its reader, every promise less is felt. */
  #wait(): Promise<IteratorResult<Message<T>, undefined>> {
    const fetched = this.#tail.next();
    this.#turn = fetched;
    return fetched.then(this.#onBatch, this.#onFailure);
  }

  readonly #onBatch = (
    batch: readonly StoredMessage[],
  ): IteratorResult<Message<T>, undefined> | Promise<never> => {
    this.#turn = undefined;
    this.#batch = batch;
    this.#index = 1;
    const message = batch[0];
    if (message === undefined || this.#over) return { done: true, value: undefined };
    try {
      return { done: false, value: this.#decode(message) };
    } catch (error) {
      return this.#broken(error);
    }
  };

  readonly #onFailure = (error: unknown): never => {
    this.#turn = undefined;
    throw error;
  };

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
