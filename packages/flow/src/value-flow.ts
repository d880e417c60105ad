import type { Runnable, Step } from "./as-step.ts";
import type { Context } from "./context.ts";
import type { FlowEvent } from "./events.ts";
import type { Hooks, UseOptions } from "./hooks.ts";
import type { StepOptions } from "./policy.ts";
import type { After, Answered, Fresh, Mode, ModeAfter } from "./result.ts";
import type { CallOptions, RunOptions } from "./run-options.ts";
import type { Stream } from "./stream.ts";
import type { EventsOptions } from "./watch.ts";

/**
 * A chain of steps that gives a value. It is immutable: each method returns a new flow. It may run any
 * number of times at once; every run has a context of its own.
 *
 * `Input` is what it takes, `Value` what it gives, `Out` the outputs by name, `Used` the names taken,
 * `M` whether it answers with a value or a promise, `Outer` the context around it.
 */
export interface ValueFlow<
  Input,
  Value,
  Out,
  Used extends string,
  M extends Mode,
  Outer = undefined,
> extends Runnable<Input, Answered<M, Value>> {
  readonly name: string;

  /**
   * Go on with what `run` returns. A function that returns or promises a stream (a generator object, an
   * async iterable, a web or Node stream) makes this a {@link StreamFlow}. A flow or combinator is a step
   * as well. The output of a named step is `ctx.out[name]` in the steps after it.
   *
   * @throws TypeError at once for a step that is no function and a name that is taken.
   */
  step<R>(
    run: Step<Value, Context<Input, Out, Outer>, R>,
  ): After<Input, R, Out, Used, M, Outer, never>;
  step<R>(
    run: Step<Value, Context<Input, Out, Outer>, R>,
    options: StepOptions<Value, Context<Input, Out, Outer>, R>,
  ): After<Input, R, Out, Used, "async", Outer, never>;
  step<const N extends string, R>(
    name: Fresh<N, Used>,
    run: Step<Value, Context<Input, Out, Outer>, R>,
  ): After<Input, R, Out, Used, M, Outer, N>;
  step<const N extends string, R>(
    name: Fresh<N, Used>,
    run: Step<Value, Context<Input, Out, Outer>, R>,
    options: StepOptions<Value, Context<Input, Out, Outer>, R>,
  ): After<Input, R, Out, Used, "async", Outer, N>;

  /** A flow inside this one, whose steps see this flow's input and outputs as `ctx.outer`, at any depth. */
  nest<const N extends string, R>(
    name: Fresh<N, Used>,
    build: (
      inner: ValueFlow<Value, Value, unknown, never, "sync", Context<Input, Out, Outer>>,
    ) => Runnable<Value, R>,
  ): After<Input, R, Out, Used, M, Outer, N>;

  /** Look at the value. What `look` returns is waited for and thrown away; what it throws fails the run. */
  tap<R>(
    look: (value: Value, context: Context<Input, Out, Outer>) => R,
  ): ValueFlow<Input, Value, Out, Used, ModeAfter<M, R>, Outer>;
  tap<const N extends string, R>(
    name: Fresh<N, Used>,
    look: (value: Value, context: Context<Input, Out, Outer>) => R,
  ): ValueFlow<Input, Value, Out, Used | N, ModeAfter<M, R>, Outer>;

  /**
   * Run it. A flow of synchronous steps answers, or throws, at once.
   *
   * @throws FlowError with the path of the step that failed; or the `reason` of the signal that ended it.
   */
  call(input: Input, options?: CallOptions): Answered<M, Value>;

  /** Run it as a stream of one chunk. Nothing runs before that is asked for. */
  stream(input: Input, options?: CallOptions): Stream<Value>;

  /**
   * Run it to its end, always with a promise, and perhaps in several attempts: with a `checkpoint` a run of
   * the same `runId` goes on after the last step that finished.
   *
   * @throws FlowError with the path of the step that failed; or the `reason` of the signal that ended it.
   */
  run(input: Input, options?: RunOptions): Promise<Value>;

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
  use(hooks: Hooks, options?: UseOptions): ValueFlow<Input, Value, Out, Used, M, Outer>;

  /** The flow as text for Mermaid, which draws it. */
  toMermaid(): string;
}
