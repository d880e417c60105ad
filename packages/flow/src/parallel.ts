import type { Step } from "./as-step.ts";
import { type Branch, branchesOf, checkConcurrency, gather, runBranches } from "./branches.ts";
import { type Combinator, combinator, type Outcome } from "./combinator.ts";
import type { RunContext, StepContext } from "./context.ts";
import { MergeSource } from "./merge.ts";
import type { ChunkOf, StreamLike } from "./result.ts";
import type { Stream } from "./stream.ts";

/** How branches run. */
export interface ParallelOptions {
  /** How many branches may be under way at once; 1 runs them one after the other. Default: all. */
  readonly concurrency?: number;
  /**
   * Wait for all branches and say of each how it ended, as `Promise.allSettled` does. Without it the first
   * failure fails the whole, after the other branches were ended.
   */
  readonly settle?: boolean;
}

/** The results of branches by name or place; a promise if any branch makes one. */
export type Joined<R> =
  Extract<
    R[keyof R & (R extends readonly unknown[] ? number : keyof R)],
    PromiseLike<unknown>
  > extends never
    ? { -readonly [K in keyof R]: Settled<R[K]> }
    : Promise<{ -readonly [K in keyof R]: Settled<R[K]> }>;

/** What one branch comes to: the awaited value, or a {@link Stream}, which is yours to read or close. */
type Settled<R> = Awaited<Outcome<R>>;

/** As {@link Joined}, when every branch's end is reported. */
export type JoinedSettled<R> = Joined<{
  [K in keyof R]: R[K] extends PromiseLike<infer V>
    ? Promise<PromiseSettledResult<V>>
    : PromiseSettledResult<Outcome<R[K]>>;
}>;

/** What `merge` gives of a branch: a stream's chunks, or the value as the only one. */
export type Merged<R> = [Awaited<R>] extends [StreamLike<unknown>]
  ? ChunkOf<Awaited<R>>
  : Awaited<R>;

/** The results of branches, whichever. */
type AnyOf<R> = R[keyof R & (R extends readonly unknown[] ? number : keyof R)];

/** Branches that all get the same input. */
export interface Parallel<Input, R, Result, C extends StepContext = StepContext> extends Combinator<
  Input,
  Result,
  C
> {
  /**
   * All branches as one stream: chunks as they come, each branch's in order. No branch is more than two
   * chunks ahead of the reader, and none waits longer than two chunks of each other one.
   */
  readonly merge: Combinator<Input, Stream<AnyOf<{ [K in keyof R]: Merged<R[K]> }>>, C>;
}

/** Branches by name, of which some can be chosen. */
export interface ParallelRecord<
  Input,
  R,
  Result,
  C extends StepContext = StepContext,
> extends Parallel<Input, R, Result, C> {
  /** As `merge`, with each chunk marked with the name of its branch. */
  readonly mergeTagged: Combinator<
    Input,
    Stream<{ [K in keyof R & string]: { branch: K; value: Merged<R[K]> } }[keyof R & string]>,
    C
  >;
  /** Only these branches; with no name, none at all. */
  only<K extends keyof R & string>(
    ...names: K[]
  ): ParallelRecord<Input, Pick<R, K>, Joined<Pick<R, K>>, C>;
}

type AnyStep = Step<never, never, unknown>;
/** What all of these steps take. */
type CommonInput<F> = AnyOf<F> extends Step<infer I, never, unknown> ? I : never;
type ResultsOf<F> = {
  -readonly [K in keyof F]: F[K] extends Step<never, never, infer R> ? R : never;
};
type Settling = ParallelOptions & { readonly settle: true };

/**
 * Give the same input to several branches at once and go on with all their results: a record for a record
 * of branches, a tuple for an array. Synchronous branches give the results at once.
 *
 * If a branch fails, the signal of the others aborts, and those that asked for it are waited for (at most
 * `closeTimeout`) before the failure is thrown. Error paths have the branch's name or place.
 *
 * @throws TypeError at once for a branch that is no step and a concurrency below 1.
 */
export function parallel<Input, C extends StepContext, R extends readonly unknown[]>(
  branches: readonly [...{ [K in keyof R]: Step<Input, C, R[K]> }],
  options: Settling,
): Parallel<Input, R, JoinedSettled<R>, C>;
export function parallel<Input, C extends StepContext, R extends readonly unknown[]>(
  branches: readonly [...{ [K in keyof R]: Step<Input, C, R[K]> }],
  options?: ParallelOptions,
): Parallel<Input, R, Joined<R>, C>;
export function parallel<Input, C extends StepContext, R extends Record<string, unknown>>(
  branches: { readonly [K in keyof R]: Step<Input, C, R[K]> },
  options: Settling,
): ParallelRecord<Input, R, JoinedSettled<R>, C>;
export function parallel<Input, C extends StepContext, R extends Record<string, unknown>>(
  branches: { readonly [K in keyof R]: Step<Input, C, R[K]> },
  options?: ParallelOptions,
): ParallelRecord<Input, R, Joined<R>, C>;
export function parallel<const F extends readonly AnyStep[]>(
  branches: F,
  options: Settling,
): Parallel<CommonInput<F>, ResultsOf<F>, JoinedSettled<ResultsOf<F>>>;
export function parallel<const F extends readonly AnyStep[]>(
  branches: F,
  options?: ParallelOptions,
): Parallel<CommonInput<F>, ResultsOf<F>, Joined<ResultsOf<F>>>;
export function parallel<F extends Record<string, AnyStep>>(
  branches: F,
  options: Settling,
): ParallelRecord<CommonInput<F>, ResultsOf<F>, JoinedSettled<ResultsOf<F>>>;
export function parallel<F extends Record<string, AnyStep>>(
  branches: F,
  options?: ParallelOptions,
): ParallelRecord<CommonInput<F>, ResultsOf<F>, Joined<ResultsOf<F>>>;
export function parallel(branches: object, options: ParallelOptions = {}): unknown {
  return assemble(branchesOf(branches, "parallel"), Array.isArray(branches), {
    ...options,
    concurrency: checkConcurrency(options.concurrency ?? Infinity, "parallel"),
  });
}

function assemble(
  branches: readonly Branch[],
  list: boolean,
  options: ParallelOptions & { readonly concurrency: number },
): unknown {
  const parts = { kind: "fork", label: "parallel", parts: branches } as const;
  const merge = (tagged: boolean): unknown =>
    combinator(
      "merge",
      { ...parts, label: "merge" },
      (input, context) => new MergeSource(branches, input, context, tagged),
    );
  return combinator(
    "parallel",
    parts,
    (input: unknown, context: RunContext) =>
      gather(
        runBranches(branches, () => input, context, options),
        branches,
        list,
      ),
    {
      merge: merge(false),
      mergeTagged: merge(true),
      only(...names: string[]) {
        const missing = names.find((name) => !branches.some((branch) => branch.name === name));
        if (missing !== undefined)
          throw new TypeError(`parallel: there is no branch "${missing}".`);
        return assemble(
          branches.filter(({ name }) => names.includes(name)),
          list,
          options,
        );
      },
    },
  );
}
