import { functionOf, type Step } from "./as-step.ts";
import { type Combinator, combinator, type Outcome } from "./combinator.ts";
import type { RunContext, StepContext } from "./context.ts";
import { toSource } from "./source.ts";
import { isThenable } from "./thenable.ts";

/** What is left of `V` when it is no `T`; all of it where the guard does not narrow. */
type Rest<V, T> = [V] extends [T] ? V : Exclude<V, T>;

/**
 * One step or another, as the guard says; without the other the value goes on as it is. A guard that is a
 * type predicate narrows the type for both. To try several in turn put a `when` in place of the other.
 */
export function when<V, T extends V, C extends StepContext, A, B = Rest<V, T>>(
  guard: (value: V, context: C) => value is T,
  then: Step<T, C, A>,
  otherwise?: Step<Rest<V, T>, C, B>,
): Combinator<V, Outcome<A> | Outcome<B>, C>;
export function when<V, C extends StepContext, A, B = V>(
  guard: (value: V, context: C) => boolean,
  then: Step<V, C, A>,
  otherwise?: Step<V, C, B>,
): Combinator<V, Outcome<A> | Outcome<B>, C>;
export function when<V, C extends StepContext, A, B = V>(
  guard: (value: V, context: C) => Promise<boolean>,
  then: Step<V, C, A>,
  otherwise?: Step<V, C, B>,
): Combinator<V, Promise<Awaited<Outcome<A> | Outcome<B>>>, C>;
export function when(
  guard: (value: never, context: never) => unknown,
  then: unknown,
  otherwise: unknown = (value: unknown) => value,
): unknown {
  const decide = functionOf(guard, "when").run as Run;
  const yes = { name: "then", run: functionOf(then, "when").run as Run };
  const no = { name: "otherwise", run: functionOf(otherwise, "when").run as Run };
  const choose = (holds: unknown): typeof yes => (holds === true ? yes : no);
  return combinator(
    "when",
    {
      kind: "choice",
      label: guard.name || "when",
      parts: [
        { name: "then", step: then },
        { name: "otherwise", step: otherwise },
      ],
    },
    (value: unknown, context: RunContext) => {
      const holds = decide(value, context);
      return isThenable(holds)
        ? holds.then((answer) => runCase(choose(answer), value, context))
        : runCase(choose(holds), value, context);
    },
  );
}

type Run = (value: unknown, context: RunContext) => unknown;

/** Run one of several cases, naming it in errors. */
export function runCase(
  { name, run }: { readonly name: string; readonly run: Run },
  value: unknown,
  context: RunContext,
): unknown {
  const namer = context.branch;
  const inner = context.at(name);
  try {
    const result = run(value, inner);
    if (typeof result !== "object" || result === null) return result;
    if (!isThenable(result)) return toSource(result, name, namer) ?? result;
    return result.then(
      (later) =>
        (typeof later === "object" && later !== null ? toSource(later, name, namer) : undefined) ??
        later,
      (error: unknown) => {
        throw namer.blame(error, name);
      },
    );
  } catch (error) {
    throw namer.blame(error, name);
  }
}
