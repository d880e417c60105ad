import { FlowError } from "./errors.ts";
import type { Reader } from "./reader.ts";
import { teeReaders } from "./tee.ts";

/** Anything chunks can be put into, such as a queue. */
export interface Sink<T> {
  /** Take one chunk. When it returns a promise, the next chunk is made only after that has settled. */
  enqueue(chunk: T): unknown;
}

/**
 * Chunks that are made as they are read, in order, for one reader.
 *
 * Nothing runs before the first chunk is asked for, and nothing runs ahead of the reader but what a
 * `concurrency` says. All code that makes them runs in the session in which the stream was made, whoever
 * reads. Leaving early (`break`, `return()`, `close()`) aborts `ctx.signal` and runs every `finally` once.
 */
export class Stream<T> implements AsyncIterableIterator<T>, AsyncDisposable {
  readonly #reader: Reader;
  #taken = false;

  /** @hidden Streams come from `flow.stream(…)` and the like. */
  constructor(reader: unknown) {
    this.#reader = reader as Reader;
  }

  /** Read it, once; throws {@link FlowError} `STREAM_TAKEN` the second time. Use `tee` for two readers. */
  [Symbol.asyncIterator](): AsyncIterableIterator<T> {
    if (this.#taken) {
      throw new FlowError(
        "STREAM_TAKEN",
        "This stream is already being read. A stream has one reader: use tee() for several, or collect() to keep the chunks.",
      );
    }
    this.#taken = true;
    // A session whose result this stream is has put steps of its own in front of these.
    return Object.hasOwn(this, "next")
      ? new Steps(this)
      : (this.#reader as AsyncIterableIterator<T>);
  }

  /** The next chunk. Calls that overlap are answered in order. */
  next(): Promise<IteratorResult<T, undefined>> {
    return this.#reader.next() as Promise<IteratorResult<T, undefined>>;
  }

  /** Leave early; see `close`. */
  return(value?: unknown): Promise<IteratorResult<T, undefined>> {
    this.#taken = true;
    return this.#reader.return(value) as Promise<IteratorResult<T, undefined>>;
  }

  /** Leave early with an error, which the returned promise rejects with. */
  throw(error?: unknown): Promise<IteratorResult<T, undefined>> {
    this.#taken = true;
    return this.#reader.throw(error) as Promise<IteratorResult<T, undefined>>;
  }

  /** All chunks. */
  async toArray(): Promise<T[]> {
    const chunks: T[] = [];
    for await (const chunk of this) chunks.push(chunk);
    return chunks;
  }

  /** Call `use` with each chunk, waiting for the promise it may return; if it throws, the stream is closed. */
  async forEach(use: (chunk: T, index: number) => unknown): Promise<void> {
    let index = 0;
    for await (const chunk of this) {
      await use(chunk, index);
      index += 1;
    }
  }

  /**
   * Put each chunk into a sink, waiting where the sink asks to, and say how many there were. The sink is
   * left open: whoever opened it ends it. If the sink throws, the stream is closed and the error passed on.
   */
  async pipeTo(sink: Sink<T>): Promise<number> {
    let count = 0;
    for await (const chunk of this) {
      const taken = sink.enqueue(chunk);
      if (taken instanceof Promise) await taken;
      count += 1;
    }
    return count;
  }

  /**
   * As a web stream, pulled chunk by chunk (nothing is read ahead); cancelling it closes this one. For a
   * Fetch `Response` put text through a `TextEncoderStream`.
   */
  toReadable(): ReadableStream<T> {
    const iterator = this[Symbol.asyncIterator]();
    return new ReadableStream<T>(
      {
        async pull(controller) {
          const { done, value } = await iterator.next();
          if (done === true) controller.close();
          else controller.enqueue(value);
        },
        async cancel() {
          await iterator.return?.();
        },
      },
      { highWaterMark: 0 },
    );
  }

  /**
   * The same chunks for `count` readers. The fastest may be `buffer` chunks ahead of the slowest and waits
   * there; one that is closed holds nobody up. All of them must be read or closed.
   */
  tee(count = 2, { buffer = 16 }: { readonly buffer?: number } = {}): Stream<T>[] {
    return teeReaders(this, count, buffer).map((reader) => new Stream<T>(reader));
  }

  /** End it, read or not. Settles when every `finally` has run, or after the run's `closeTimeout`. */
  async close(): Promise<void> {
    await this.return();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/** A stream's own steps, for one reader. */
class Steps<T> implements AsyncIterableIterator<T> {
  readonly #stream: Stream<T>;

  constructor(stream: Stream<T>) {
    this.#stream = stream;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<T, undefined>> {
    return this.#stream.next();
  }

  return(value?: unknown): Promise<IteratorResult<T, undefined>> {
    return this.#stream.return(value);
  }

  throw(error?: unknown): Promise<IteratorResult<T, undefined>> {
    return this.#stream.throw(error);
  }
}
