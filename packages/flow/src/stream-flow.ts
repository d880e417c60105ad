import type { Runnable, Step } from "./as-step.ts";
import type { Context } from "./context.ts";
import type { FlowEvent } from "./events.ts";
import type { Hooks, UseOptions } from "./hooks.ts";
import type { EachOptions } from "./policy.ts";
import type {
  After,
  Answered,
  ChunkOf,
  Fresh,
  Mode,
  ModeAfter,
  StreamLike,
  SyncStream,
} from "./result.ts";
import type { CallOptions, RunOptions } from "./run-options.ts";
import type { Stream } from "./stream.ts";
import type { EventsOptions } from "./watch.ts";
import type { ValueFlow } from "./value-flow.ts";

/**
 * A chain of steps that gives a stream. Like {@link ValueFlow}, but what follows is for each chunk
 * (`each`), for the stream as a whole (`through`, or a `step` that takes a {@link Stream}), or ends it
 * (`collect`). Nothing is buffered in between.
 */
export interface StreamFlow<
  Input,
  Chunk,
  Out,
  Used extends string,
  M extends Mode,
  Outer = undefined,
> extends Runnable<Input, M extends "sync" ? SyncStream<Chunk> : Stream<Chunk>> {
  readonly name: string;

  /** Go on with what `run` makes of each chunk. Neighbouring `each` run in one go. */
  each<R>(
    run: Step<Chunk, Context<Input, Out, Outer>, R>,
  ): StreamFlow<Input, Awaited<R>, Out, Used, ModeAfter<M, R>, Outer>;
  each<R>(
    run: Step<Chunk, Context<Input, Out, Outer>, R>,
    options: EachOptions<Chunk, Context<Input, Out, Outer>, R>,
  ): StreamFlow<Input, Awaited<R>, Out, Used, "async", Outer>;
  each<const N extends string, R>(
    name: Fresh<N, Used>,
    run: Step<Chunk, Context<Input, Out, Outer>, R>,
  ): StreamFlow<Input, Awaited<R>, Out, Used | N, ModeAfter<M, R>, Outer>;
  each<const N extends string, R>(
    name: Fresh<N, Used>,
    run: Step<Chunk, Context<Input, Out, Outer>, R>,
    options: EachOptions<Chunk, Context<Input, Out, Outer>, R>,
  ): StreamFlow<Input, Awaited<R>, Out, Used | N, "async", Outer>;

  /** Go on with the stream that `run` makes of this one: filter, split, join, add. Usually a generator. */
  through<S extends StreamLike<unknown>>(
    run: (chunks: Stream<Chunk>, context: Context<Input, Out, Outer>) => S,
  ): StreamFlow<Input, ChunkOf<S>, Out, Used, "async", Outer>;
  through<const N extends string, S extends StreamLike<unknown>>(
    name: Fresh<N, Used>,
    run: (chunks: Stream<Chunk>, context: Context<Input, Out, Outer>) => S,
  ): StreamFlow<Input, ChunkOf<S>, Out, Used | N, "async", Outer>;

  /** Read the stream to its end and go on with its chunks as an array, or with what `make` makes of it. */
  collect(): ValueFlow<Input, Chunk[], Out, Used, M, Outer>;
  collect<const N extends string>(
    name: Fresh<N, Used>,
  ): ValueFlow<Input, Chunk[], Out & Record<N, Chunk[]>, Used | N, M, Outer>;
  collect<R>(
    make: (chunks: Chunk[], context: Context<Input, Out, Outer>) => R,
  ): ValueFlow<Input, Awaited<R>, Out, Used, ModeAfter<M, R>, Outer>;
  collect<const N extends string, R>(
    name: Fresh<N, Used>,
    make: (chunks: Chunk[], context: Context<Input, Out, Outer>) => R,
  ): ValueFlow<Input, Awaited<R>, Out & Record<N, Awaited<R>>, Used | N, ModeAfter<M, R>, Outer>;

  /** Go on with what `run` makes of the whole stream: it takes the {@link Stream} itself. */
  step<R>(
    run: Step<Stream<Chunk>, Context<Input, Out, Outer>, R>,
  ): After<Input, R, Out, Used, "async", Outer, never>;
  step<const N extends string, R>(
    name: Fresh<N, Used>,
    run: Step<Stream<Chunk>, Context<Input, Out, Outer>, R>,
  ): After<Input, R, Out, Used, "async", Outer, N>;

  /** Look at each chunk as it passes. What `look` returns is waited for and thrown away. */
  tap<R>(
    look: (chunk: Chunk, context: Context<Input, Out, Outer>) => R,
  ): StreamFlow<Input, Chunk, Out, Used, ModeAfter<M, R>, Outer>;
  tap<const N extends string, R>(
    name: Fresh<N, Used>,
    look: (chunk: Chunk, context: Context<Input, Out, Outer>) => R,
  ): StreamFlow<Input, Chunk, Out, Used | N, ModeAfter<M, R>, Outer>;

  /**
   * Run it to its end and give all its chunks; a flow of synchronous steps answers at once.
   *
   * @throws FlowError with the path of the step that failed; or the `reason` of the signal that ended it.
   */
  call(input: Input, options?: CallOptions): Answered<M, Chunk[]>;

  /** Run it chunk by chunk, in the present session, as the stream is read. */
  stream(input: Input, options?: CallOptions): Stream<Chunk>;

  /**
   * Run it to its end, always with a promise, and perhaps in several attempts: with a `checkpoint` a run of
   * the same `runId` goes on after the last step that finished.
   *
   * @throws FlowError with the path of the step that failed; or the `reason` of the signal that ended it.
   */
  run(input: Input, options?: RunOptions): Promise<Chunk[]>;

  /**
   * Run it and give what happens, as it does: steps beginning and ending, and each chunk that any step
   * makes. The run goes on as the events are read. If it fails, so does the stream, after the last event.
   */
  events(input: Input, options?: EventsOptions): Stream<FlowEvent>;

  /**
   * The same flow with hooks, which are called in each run, in its session. In another flow they see the
   * steps of this one.
   *
   * @throws TypeError at once for a hook that is none.
   */
  use(hooks: Hooks, options?: UseOptions): StreamFlow<Input, Chunk, Out, Used, M, Outer>;

  /** The flow as text for Mermaid, which draws it. */
  toMermaid(): string;
}
