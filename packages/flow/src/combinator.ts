import { asStep, type Runnable } from "./as-step.ts";
import { capture } from "./binding.ts";
import { RunContext, type StepContext } from "./context.ts";
import { Plan } from "./plan.ts";
import { Reader } from "./reader.ts";
import type { ChunkOf, StreamLike } from "./result.ts";
import { Scope } from "./scope.ts";
import { type Shape, shape } from "./shape.ts";
import { Source } from "./source.ts";
import { Stream } from "./stream.ts";
import { isThenable } from "./thenable.ts";

/** What a step's result is to the one who called it: any kind of stream is a {@link Stream}. */
export type Outcome<R> = 0 extends 1 & R
  ? R
  : [R] extends [never]
    ? R
    : [R] extends [StreamLike<unknown>]
      ? Stream<ChunkOf<R>>
      : [Awaited<R>] extends [StreamLike<unknown>]
        ? Promise<Stream<ChunkOf<Awaited<R>>>>
        : R;

/**
 * Steps put together: a function to call, and itself a step of a flow or of another combinator. Called
 * alone it is a run of its own; given the context of a step as second argument, a part of that step's run.
 */
export interface Combinator<
  Input,
  Result,
  Context extends StepContext = StepContext,
> extends Runnable<Input, Result> {
  (input: Input, context?: Context): Result;
}

/** Make a combinator of the function that runs it; the caller says which type it has. */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- the callers' overloads are the types
export function combinator<C>(
  name: string,
  parts: Shape,
  run: (input: never, context: RunContext) => unknown,
  more: object = {},
): C {
  const inside = run as (input: unknown, context: RunContext) => unknown;
  const plan = new Plan(name, [
    { kind: "step", name, named: false, run, step: undefined, concurrency: 1 },
  ]);
  const call = (input: unknown, context?: unknown): unknown => {
    if (!(context instanceof RunContext)) return plan.start(input);
    const result = inside(input, context);
    return isThenable(result)
      ? result.then((value) => outward(value, context))
      : outward(result, context);
  };
  Object.defineProperty(call, "name", { value: name });
  return Object.assign(call, { [asStep]: inside, [shape]: parts }, more) as C;
}

/** A stream that may be read by anybody, for as long as the run it is part of is not aborted. */
export function outward(value: unknown, context: RunContext): unknown {
  if (!(value instanceof Source)) return value;
  const scope = new Scope(context.scope, context.scope.options);
  const readout = {
    open: () => value,
    discard: () => value.close(),
    tail: undefined,
    fail: (error: unknown) => error,
  };
  return new Stream(new Reader(readout, context.within(scope), capture()));
}
