import type { LiveListener, StoredMessage } from "../store.ts";
import type { Feed } from "./feed.ts";
import type { Decoder, Message } from "./message.ts";

/** The messages of a queue, in arrays as they come. */
export class TailBatches<T> implements AsyncIterableIterator<readonly Message<T>[]> {
  readonly #feed: Feed;
  readonly #decode: Decoder<T>;

  constructor(feed: Feed, decode: Decoder<T>) {
    this.#feed = feed;
    this.#decode = decode;
  }

  async next(): Promise<IteratorResult<readonly Message<T>[], undefined>> {
    const batch = await this.#feed.batch();
    if (batch.length === 0) return { done: true, value: undefined };
    return { done: false, value: batch.map(this.#decode) };
  }

  async return(): Promise<IteratorResult<readonly Message<T>[], undefined>> {
    this.#feed.close();
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

/** The messages of a queue, one by one. Those that are there already cost no further wait each. */
export class Tail<T> implements AsyncIterableIterator<Message<T>>, LiveListener {
  readonly #feed: Feed;
  readonly #decode: Decoder<T>;
  /** The call under way, when it has to wait; later ones stand behind it. */
  #turn: Promise<unknown> | undefined;
  /** Settle the call that waits to be told. */
  #resolve: ((result: Result<T> | Promise<Result<T>>) => void) | undefined;
  #reject: ((error: unknown) => void) | undefined;

  constructor(feed: Feed, decode: Decoder<T>) {
    this.#feed = feed;
    this.#decode = decode;
  }

  next(): Promise<Result<T>> {
    if (this.#turn !== undefined) return this.#behind(this.#turn);
    try {
      const result = this.#take();
      if (result !== undefined) return Promise.resolve(result);
    } catch (error) {
      return Promise.reject(error);
    }
    const turn = this.#feed.told ? this.#wait() : this.#fetch();
    this.#turn = turn;
    return turn;
  }

  async return(): Promise<Result<T>> {
    this.#feed.close();
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** What there is to tell now. Throws, and is over then, if that cannot be decoded. */
  #take(): Result<T> | undefined {
    const message = this.#feed.take();
    if (message !== undefined) return { done: false, value: this.#decoded(message) };
    return this.#feed.over ? { done: true, value: undefined } : undefined;
  }

  #decoded(message: StoredMessage): Message<T> {
    try {
      return this.#decode(message);
    } catch (error) {
      this.#feed.close();
      throw error;
    }
  }

  /** One promise from the store to the reader: of a live message's way, every further one is felt. */
  #wait(): Promise<Result<T>> {
    const feed = this.#feed;
    feed.listen();
    feed.listener = this;
    return new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  /** For the feed: there may be something to tell. */
  changed(): void {
    const resolve = this.#resolve;
    const reject = this.#reject;
    if (resolve === undefined || reject === undefined) return;
    let result: Result<T> | Promise<Result<T>> | undefined;
    this.#resolve = undefined; // the feed may be closed meanwhile, and tell again
    try {
      result = this.#take();
      if (result === undefined && !this.#feed.told) result = this.#fetch();
    } catch (error) {
      this.#turn = undefined;
      reject(error);
      return;
    }
    if (result === undefined) {
      this.#resolve = resolve;
      return;
    }
    if (!(result instanceof Promise)) this.#turn = undefined;
    resolve(result);
  }

  /** The way for what is not in memory, or not opened yet. */
  async #fetch(): Promise<Result<T>> {
    try {
      for (;;) {
        await this.#feed.more();
        const result = this.#take();
        if (result !== undefined) return result;
      }
    } finally {
      this.#turn = undefined;
    }
  }

  async #behind(turn: Promise<unknown>): Promise<Result<T>> {
    await turn.catch(() => {});
    return this.next();
  }
}

type Result<T> = IteratorResult<Message<T>, undefined>;
