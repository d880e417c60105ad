import type { RunContext, StepContext } from "./context.ts";

/** Under this key a flow or combinator has the function that runs it as a step of another flow. */
export const asStep: unique symbol = Symbol.for("lazy.flow.step");

/** A flow or combinator, usable as a step: takes an `Input`, makes a `Result`. */
export interface Runnable<Input, Result> {
  /** @hidden Run as a part of another run; use `call` or `stream` instead. */
  [asStep](input: Input, context: StepContext): Result;
}

/** What can be a step: a function, a flow or a combinator. */
export type Step<Input, Context, Result> =
  | ((value: Input, context: Context) => Result)
  | Runnable<Input, Result>;

/** The function that runs a step. */
export function functionOf(
  step: unknown,
  where: string,
): { readonly run: (value: never, context: RunContext) => unknown; readonly name: string } {
  if (typeof step === "function" || (typeof step === "object" && step !== null)) {
    const { [asStep]: inside, name = "" } = step as Partial<Runnable<never, unknown>> & {
      name?: string;
    };
    if (typeof inside === "function") return { run: inside.bind(step), name };
    if (typeof step === "function")
      return { run: step as (value: never, context: RunContext) => unknown, name };
  }
  throw new TypeError(
    `${where}: a step is a function, a flow or a combinator, not ${step === null ? "null" : typeof step}.`,
  );
}
