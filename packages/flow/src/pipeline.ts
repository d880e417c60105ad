import type { Step } from "./as-step.ts";
import type { StepContext } from "./context.ts";
import { flow } from "./flow.ts";
import type { After, ChunkOf, ModeAfter, StreamLike } from "./result.ts";
import type { Stream } from "./stream.ts";
import type { ValueFlow } from "./value-flow.ts";

/** What a step gets from the one before it. */
type Passed<R> = [Awaited<R>] extends [StreamLike<unknown>]
  ? Stream<ChunkOf<Awaited<R>>>
  : Awaited<R>;
/** A stream on the way makes what follows asynchronous. */
type Waits<R> = [Awaited<R>] extends [StreamLike<unknown>] ? Promise<R> : R;
/** The flow of steps of which `Between` are the results of all but the last. */
type Piped<I, Between, Last> = After<
  I,
  Last,
  unknown,
  never,
  ModeAfter<"sync", Between>,
  undefined,
  never
>;

/**
 * Steps one after the other, as a flow: `pipeline(a, b)` is `flow().step(a).step(b)`, typed for up to ten.
 * Use {@link flow} for names, and where a stream is to be gone on with chunk by chunk.
 */
export function pipeline<I, R1>(step1: Step<I, StepContext, R1>): Piped<I, never, R1>;
export function pipeline<I, R1, R2>(
  step1: Step<I, StepContext, R1>,
  step2: Step<Passed<R1>, StepContext, R2>,
): Piped<I, Waits<R1>, R2>;
export function pipeline<I, R1, R2, R3>(
  step1: Step<I, StepContext, R1>,
  step2: Step<Passed<R1>, StepContext, R2>,
  step3: Step<Passed<R2>, StepContext, R3>,
): Piped<I, Waits<R1> | Waits<R2>, R3>;
export function pipeline<I, R1, R2, R3, R4>(
  step1: Step<I, StepContext, R1>,
  step2: Step<Passed<R1>, StepContext, R2>,
  step3: Step<Passed<R2>, StepContext, R3>,
  step4: Step<Passed<R3>, StepContext, R4>,
): Piped<I, Waits<R1> | Waits<R2> | Waits<R3>, R4>;
export function pipeline<I, R1, R2, R3, R4, R5>(
  step1: Step<I, StepContext, R1>,
  step2: Step<Passed<R1>, StepContext, R2>,
  step3: Step<Passed<R2>, StepContext, R3>,
  step4: Step<Passed<R3>, StepContext, R4>,
  step5: Step<Passed<R4>, StepContext, R5>,
): Piped<I, Waits<R1> | Waits<R2> | Waits<R3> | Waits<R4>, R5>;
export function pipeline<I, R1, R2, R3, R4, R5, R6>(
  step1: Step<I, StepContext, R1>,
  step2: Step<Passed<R1>, StepContext, R2>,
  step3: Step<Passed<R2>, StepContext, R3>,
  step4: Step<Passed<R3>, StepContext, R4>,
  step5: Step<Passed<R4>, StepContext, R5>,
  step6: Step<Passed<R5>, StepContext, R6>,
): Piped<I, Waits<R1> | Waits<R2> | Waits<R3> | Waits<R4> | Waits<R5>, R6>;
export function pipeline<I, R1, R2, R3, R4, R5, R6, R7>(
  step1: Step<I, StepContext, R1>,
  step2: Step<Passed<R1>, StepContext, R2>,
  step3: Step<Passed<R2>, StepContext, R3>,
  step4: Step<Passed<R3>, StepContext, R4>,
  step5: Step<Passed<R4>, StepContext, R5>,
  step6: Step<Passed<R5>, StepContext, R6>,
  step7: Step<Passed<R6>, StepContext, R7>,
): Piped<I, Waits<R1> | Waits<R2> | Waits<R3> | Waits<R4> | Waits<R5> | Waits<R6>, R7>;
export function pipeline<I, R1, R2, R3, R4, R5, R6, R7, R8>(
  step1: Step<I, StepContext, R1>,
  step2: Step<Passed<R1>, StepContext, R2>,
  step3: Step<Passed<R2>, StepContext, R3>,
  step4: Step<Passed<R3>, StepContext, R4>,
  step5: Step<Passed<R4>, StepContext, R5>,
  step6: Step<Passed<R5>, StepContext, R6>,
  step7: Step<Passed<R6>, StepContext, R7>,
  step8: Step<Passed<R7>, StepContext, R8>,
): Piped<I, Waits<R1> | Waits<R2> | Waits<R3> | Waits<R4> | Waits<R5> | Waits<R6> | Waits<R7>, R8>;
export function pipeline<I, R1, R2, R3, R4, R5, R6, R7, R8, R9>(
  step1: Step<I, StepContext, R1>,
  step2: Step<Passed<R1>, StepContext, R2>,
  step3: Step<Passed<R2>, StepContext, R3>,
  step4: Step<Passed<R3>, StepContext, R4>,
  step5: Step<Passed<R4>, StepContext, R5>,
  step6: Step<Passed<R5>, StepContext, R6>,
  step7: Step<Passed<R6>, StepContext, R7>,
  step8: Step<Passed<R7>, StepContext, R8>,
  step9: Step<Passed<R8>, StepContext, R9>,
): Piped<
  I,
  Waits<R1> | Waits<R2> | Waits<R3> | Waits<R4> | Waits<R5> | Waits<R6> | Waits<R7> | Waits<R8>,
  R9
>;
export function pipeline<I, R1, R2, R3, R4, R5, R6, R7, R8, R9, R10>(
  step1: Step<I, StepContext, R1>,
  step2: Step<Passed<R1>, StepContext, R2>,
  step3: Step<Passed<R2>, StepContext, R3>,
  step4: Step<Passed<R3>, StepContext, R4>,
  step5: Step<Passed<R4>, StepContext, R5>,
  step6: Step<Passed<R5>, StepContext, R6>,
  step7: Step<Passed<R6>, StepContext, R7>,
  step8: Step<Passed<R7>, StepContext, R8>,
  step9: Step<Passed<R8>, StepContext, R9>,
  step10: Step<Passed<R9>, StepContext, R10>,
): Piped<
  I,
  | Waits<R1>
  | Waits<R2>
  | Waits<R3>
  | Waits<R4>
  | Waits<R5>
  | Waits<R6>
  | Waits<R7>
  | Waits<R8>
  | Waits<R9>,
  R10
>;
export function pipeline(...steps: unknown[]): unknown {
  if (steps.length === 0) throw new TypeError("pipeline: give at least one step.");
  type AnyFlow = ValueFlow<unknown, unknown, unknown, never, "async">;
  let piped = flow<unknown>("pipeline") as unknown as AnyFlow;
  for (const step of steps) {
    const add = piped.step.bind(piped) as unknown as (step: unknown) => AnyFlow;
    piped = add(step);
  }
  return piped;
}
