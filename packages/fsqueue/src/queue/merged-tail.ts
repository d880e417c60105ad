import type { Message } from "./message.ts";
import type { TailOptions } from "./queue.ts";

/** What can be followed together with others: any queue. */
export interface Followable {
  batches(options?: TailOptions): AsyncIterableIterator<readonly Message<unknown>[]>;
}

/** A message of one of several queues, and of which. */
export type Tagged<Q extends Readonly<Record<string, Followable>>> = {
  [K in keyof Q & string]: ReturnType<Q[K]["batches"]> extends AsyncIterable<
    readonly Message<infer T>[]
  >
    ? Message<T> & { readonly queue: K }
    : never;
}[keyof Q & string];

interface Source {
  readonly queue: string;
  readonly batches: AsyncIterator<readonly Message<unknown>[]>;
}

/**
 * Several tails as one: each queue's messages in their order, tagged with its key. Ends when all have
 * ended; a queue that ends badly does not cut off the others, and its error is thrown at the end.
 */
export class MergedTail<
  Q extends Readonly<Record<string, Followable>>,
> implements AsyncIterableIterator<Tagged<Q>> {
  readonly #sources: ReadonlyMap<string, AsyncIterator<readonly Message<unknown>[]>>;
  /** Messages that are there, in the order in which they came. */
  #ready: Tagged<Q>[] = [];
  #index = 0;
  #following: number;
  #failure: { readonly error: unknown } | undefined;
  #started = false;
  /** Those of a source that is not asked again before they are used up. */
  #idle: Source[] = [];
  #waiting: (() => void)[] = [];

  constructor(sources: Readonly<Record<string, AsyncIterator<readonly Message<unknown>[]>>>) {
    this.#sources = new Map(Object.entries(sources));
    this.#following = this.#sources.size;
  }

  async next(): Promise<IteratorResult<Tagged<Q>, undefined>> {
    if (!this.#started) {
      this.#started = true;
      for (const [queue, batches] of this.#sources) void this.#ask({ queue, batches });
    }
    for (;;) {
      const message = this.#ready[this.#index];
      if (message !== undefined) {
        this.#index += 1;
        return { done: false, value: message };
      }
      this.#ready = [];
      this.#index = 0;
      if (this.#following === 0) return this.#finish();
      const idle = this.#idle;
      this.#idle = [];
      for (const source of idle) void this.#ask(source);
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  async return(): Promise<IteratorResult<Tagged<Q>, undefined>> {
    this.#following = 0;
    this.#failure = undefined;
    this.#ready = [];
    this.#index = 0;
    this.#idle = [];
    await Promise.all([...this.#sources.values()].map(async (batches) => batches.return?.()));
    this.#wake();
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async #ask(source: Source): Promise<void> {
    try {
      const { done, value } = await source.batches.next();
      if (this.#following === 0) return;
      if (done === true) this.#following -= 1;
      else {
        const { queue } = source;
        for (const message of value) this.#ready.push({ ...message, queue } as Tagged<Q>);
        this.#idle.push(source);
      }
    } catch (error) {
      if (this.#following === 0) return;
      this.#failure ??= { error };
      this.#following -= 1;
    }
    this.#wake();
  }

  #finish(): IteratorResult<Tagged<Q>, undefined> {
    const failure = this.#failure;
    this.#failure = undefined;
    if (failure !== undefined) throw failure.error;
    return { done: true, value: undefined };
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}
