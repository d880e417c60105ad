import type { FlowError } from "./errors.ts";
import type { StreamLike } from "./result.ts";

/** How often and when to try a failed step again. */
export interface Retry {
  /** Attempts in all, the first included: a whole number from 1 on. */
  readonly attempts: number;
  /** Milliseconds to wait before attempt `attempt` (2 is the first retry). Default 0. */
  readonly delay?: number | ((attempt: number, error: FlowError) => number);
  /** Whether this error is worth another attempt. Default: any is. */
  readonly when?: (error: FlowError) => boolean;
}

/** What a step does when it is slow or fails. A step with any of these makes its flow asynchronous. */
export interface StepOptions<Value, Context, Result> {
  /**
   * Milliseconds an attempt may take, for a stream: milliseconds until each chunk. After that its
   * `ctx.signal` aborts and it fails with `STEP_TIMEOUT`; what it answers later is ignored.
   */
  readonly timeout?: number;
  /** Try again when it fails: the number of retries, or more exactly. A stream only before its first chunk. */
  readonly retry?: number | Retry;
  /** What to answer with when all attempts have failed; for a stream only before its first chunk. */
  readonly fallback?: (error: FlowError, value: Value, context: Context) => Replacement<Result>;
}

/** What may stand in for a step's result: the same kind of thing, now or later. */
export type Replacement<R> =
  Awaited<R> extends AsyncIterable<infer T>
    ? StreamLike<T> | Promise<StreamLike<T>>
    : Awaited<R> | Promise<Awaited<R>>;

/** The same for a function of a chunk, and how many chunks at a time. */
export interface EachOptions<Value, Context, Result> extends StepOptions<Value, Context, Result> {
  /**
   * How many chunks may be under way at once; they are given on in the order they came. With nobody
   * reading, this many are read ahead. Default 1: each chunk is made when it is asked for.
   */
  readonly concurrency?: number;
}
