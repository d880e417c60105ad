import type { Step } from "./as-step.ts";
import { branchesOf, checkConcurrency, gather, runBranches } from "./branches.ts";
import { type Combinator, combinator } from "./combinator.ts";
import type { RunContext } from "./context.ts";
import { FlowError } from "./errors.ts";
import type { Joined, ParallelOptions } from "./parallel.ts";

type AnyStep = Step<never, never, unknown>;
type InputOf<S> = S extends (value: infer I, ...rest: never) => unknown ? I : never;
type ResultOf<S> = S extends (...parameters: never) => infer R
  ? R
  : S extends Step<never, never, infer R>
    ? R
    : never;

/** For each branch what it takes. */
export type DiverterInput<B> = { [K in keyof B]: InputOf<B[K]> };
/** For each branch what it returns. */
export type DiverterResults<B> = { -readonly [K in keyof B]: ResultOf<B[K]> };

/**
 * Give each of several branches an input of its own, by the same names or places, and go on with all their
 * results. It fails as `parallel` does; an input that lacks a branch, or has one too many, is
 * `BRANCH_MISSING`.
 */
export function diverter<const B extends readonly AnyStep[]>(
  branches: B,
  options?: Omit<ParallelOptions, "settle">,
): Combinator<DiverterInput<B>, Joined<DiverterResults<B>>>;
export function diverter<B extends Record<string, AnyStep>>(
  branches: B,
  options?: Omit<ParallelOptions, "settle">,
): Combinator<DiverterInput<B>, Joined<DiverterResults<B>>>;
export function diverter(given: object, options: ParallelOptions = {}): unknown {
  const branches = branchesOf(given, "diverter");
  const list = Array.isArray(given);
  const concurrency = checkConcurrency(options.concurrency ?? Infinity, "diverter");
  const names = branches.map(({ name }) => name);
  return combinator(
    "diverter",
    { kind: "fork", label: "diverter", parts: branches },
    (input: Readonly<Record<string, unknown>>, context: RunContext) => {
      const keys = Object.keys(input);
      const odd =
        names.find((name) => !keys.includes(name)) ?? keys.find((key) => !names.includes(key));
      if (odd !== undefined) {
        throw new FlowError(
          "BRANCH_MISSING",
          `diverter has the branches ${names.join(", ")}, its input has ${keys.join(", ")}: "${odd}" is not in both.`,
        );
      }
      const results = runBranches(branches, (index) => input[names[index]!], context, {
        concurrency,
      });
      return gather(results, branches, list);
    },
  );
}
