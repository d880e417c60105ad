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
export class Stream<T> implements AsyncIterable<T>, AsyncDisposable {
  #reader: Reader | undefined;
  readonly #original: Reader;

  /** @hidden Streams come from `flow.stream(…)` and the like. */
  constructor(reader: unknown) {
    this.#original = reader as Reader;
    this.#reader = this.#original;
  }

  /** Read it, once; throws {@link FlowError} `STREAM_TAKEN` the second time. Use `tee` for two readers. */
  [Symbol.asyncIterator](): AsyncIterableIterator<T> {
    const reader = this.#reader;
    if (reader === undefined) {
      throw new FlowError(
        "STREAM_TAKEN",
        "This stream is already being read. A stream has one reader: use tee() for several, or collect() to keep the chunks.",
      );
    }
    this.#reader = undefined;
    return reader as AsyncIterableIterator<T>;
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
    this.#reader = undefined;
    await this.#original.return();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
