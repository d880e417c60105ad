import { functionOf, type Step } from "./as-step.ts";
import { type Combinator, combinator, type Outcome } from "./combinator.ts";
import type { RunContext, StepContext } from "./context.ts";
import { FlowError } from "./errors.ts";
import { isThenable } from "./thenable.ts";
import { runCase } from "./when.ts";

/** A key that waits for its cases. */
export interface SwitchOn<V, K extends string | number, Later> {
  /** A step for every key there is; leaving one out does not compile. */
  cases<const F extends { readonly [P in K]: Step<V, never, unknown> }>(
    cases: F & { readonly [P in keyof F]: P extends K ? unknown : never },
  ): Combinator<V, Chosen<ResultsOf<F>, Later>>;
  /** Steps for some keys, and one for all others. */
  cases<const F extends { readonly [P in K]?: Step<V, never, unknown> }, D>(
    cases: F & { readonly [P in keyof F]: P extends K ? unknown : never },
    otherwise: Step<V, StepContext, D>,
  ): Combinator<V, Chosen<ResultsOf<F> | D, Later>>;
}

type ResultsOf<F> = {
  [P in keyof F]: F[P] extends (...parameters: never) => infer R
    ? R
    : F[P] extends Step<never, never, infer R>
      ? R
      : never;
}[keyof F];

type Chosen<R, Later> = Later extends true ? Promise<Awaited<Outcome<R>>> : Outcome<R>;

/**
 * Choose a step by a key that is computed from the value. Comparing on something else than the value
 * itself is what the key function is for.
 */
export function switchOn<V, K extends string | number>(
  key: (value: V, context: StepContext) => Promise<K>,
): SwitchOn<V, K, true>;
export function switchOn<V, K extends string | number>(
  key: (value: V, context: StepContext) => K,
): SwitchOn<V, K, false>;
export function switchOn(key: (value: never, context: StepContext) => unknown): unknown {
  const keyOf = functionOf(key, "switchOn").run as Run;
  return {
    cases(given: Readonly<Record<string, unknown>>, otherwise?: unknown): unknown {
      const cases = new Map(
        Object.entries(given).map(([name, step]) => [
          name,
          { name, step, run: functionOf(step, `switchOn.${name}`).run as Run },
        ]),
      );
      const fallback =
        otherwise === undefined
          ? undefined
          : {
              name: "otherwise",
              step: otherwise,
              run: functionOf(otherwise, "switchOn").run as Run,
            };
      const choose = (chosen: unknown, value: unknown, context: RunContext): unknown => {
        const found = cases.get(String(chosen)) ?? fallback;
        if (found !== undefined) return runCase(found, value, context);
        throw new FlowError(
          "NO_CASE",
          `switchOn has no case for ${JSON.stringify(chosen)}, only for ${[...cases.keys()].join(", ")}. Add one, or a step for all others as second argument of cases().`,
        );
      };
      const parts = [...cases.values(), ...(fallback === undefined ? [] : [fallback])];
      return combinator(
        "switchOn",
        { kind: "choice", label: key.name || "switchOn", parts },
        (value: unknown, context: RunContext) => {
          const chosen = keyOf(value, context);
          return isThenable(chosen)
            ? chosen.then((later) => choose(later, value, context))
            : choose(chosen, value, context);
        },
      );
    },
  };
}

type Run = (value: unknown, context: RunContext) => unknown;
