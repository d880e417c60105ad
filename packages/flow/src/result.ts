import type { StreamFlow } from "./stream-flow.ts";
import type { ValueFlow } from "./value-flow.ts";

/** A stream that never waits: a generator object or another iterator. Arrays and strings are values. */
export type SyncStream<T> = Iterator<T, unknown, never> & Iterable<T>;

/** The part of a web `ReadableStream` that every runtime's types agree on. */
export interface ReadableLike<T> {
  getReader(): { read(): Promise<{ done: boolean; value?: T | undefined }> };
}

/** What a step returns, or promises, to make a stream: generators, async iterables, web and Node streams. */
export type StreamLike<T> = AsyncIterable<T> | SyncStream<T> | ReadableLike<T>;

/** The chunks of a stream. */
export type ChunkOf<S> =
  S extends AsyncIterable<infer T>
    ? T
    : S extends Iterable<infer T>
      ? T
      : S extends ReadableLike<infer T>
        ? T
        : never;

/** Whether a flow answers with a value or with a promise of it. */
export type Mode = "sync" | "async";

/** One step that waits makes the whole flow wait. */
export type ModeAfter<M extends Mode, R> = M extends "async"
  ? "async"
  : 0 extends 1 & R
    ? "async"
    : Extract<
          R,
          PromiseLike<unknown> | AsyncIterable<unknown> | ReadableLike<unknown>
        > extends never
      ? "sync"
      : "async";

/** What a flow of this mode answers with. */
export type Answered<M extends Mode, V> = M extends "sync" ? V : Promise<V>;

/** A name that no step before has; else a text that says so, to which no name can be assigned. */
export type Fresh<N extends string, Used extends string> = N extends Used
  ? `There is a step named "${N}" already`
  : N;

/** The flow after a step that returns `R`: of a value, or of a stream. */
export type After<
  I,
  R,
  Out,
  Used extends string,
  M extends Mode,
  Outer,
  N extends string,
> = 0 extends 1 & R
  ? ValueFlow<I, R, Out & Record<N, R>, Used | N, "async", Outer>
  : [R] extends [never]
    ? ValueFlow<I, never, Out, Used | N, M, Outer>
    : [Awaited<R>] extends [StreamLike<unknown>]
      ? StreamFlow<I, ChunkOf<Awaited<R>>, Out, Used | N, ModeAfter<M, R>, Outer>
      : ValueFlow<I, Awaited<R>, Out & Record<N, Awaited<R>>, Used | N, ModeAfter<M, R>, Outer>;
