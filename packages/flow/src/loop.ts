import { functionOf, type Step } from "./as-step.ts";
import { type Combinator, combinator } from "./combinator.ts";
import type { RunContext, StepContext } from "./context.ts";
import { FlowError } from "./errors.ts";
import { endedOf } from "./scope.ts";
import { isThenable } from "./thenable.ts";

/** When a loop ends; at least one of `until` and `max` is there. */
export interface LoopOptions<V, C, U extends boolean | Promise<boolean>> {
  /** Asked after each round, with the number of rounds done; true ends the loop. */
  readonly until?: (value: V, rounds: number, context: C) => U;
  /** At most so many rounds. */
  readonly max?: number;
  /**
   * What to do after `max` rounds: go on with the value (`"return"`, the default without `until`), fail with
   * `LOOP_LIMIT` (`"throw"`, the default with it), or decide: a number larger than the rounds done is a new
   * `max` for this call only, any other goes on with the value.
   */
  readonly onLimit?: "return" | "throw" | ((value: V, rounds: number) => number);
}

/**
 * Run a step again and again on its own result. A body and `until` that are synchronous make a synchronous
 * loop. Error paths have the round, counted from 1, as in `loop#3`.
 *
 * @throws TypeError at once for a loop without an end and a `max` that is no whole number from 1 on.
 */
export function loop<
  V,
  C extends StepContext,
  R extends V | Promise<V>,
  U extends boolean | Promise<boolean> = boolean,
>(
  body: Step<V, C, R>,
  options: LoopOptions<V, C, U>,
): Combinator<V, Extract<R | U, PromiseLike<unknown>> extends never ? V : Promise<V>, C> {
  const { run, name } = functionOf(body, "loop");
  const { until, max = Infinity } = options;
  if (until === undefined && max === Infinity) {
    throw new TypeError("loop: give until, max or both; a loop without an end never answers.");
  }
  if (max !== Infinity && !(Number.isInteger(max) && max >= 1)) {
    throw new TypeError(`loop: max is a whole number of rounds from 1 on, not ${max}.`);
  }
  const rules = {
    until: until as Rules["until"],
    max,
    onLimit: (options.onLimit ?? (until === undefined ? "return" : "throw")) as Rules["onLimit"],
  };
  return combinator(
    "loop",
    {
      kind: "loop",
      label: max === Infinity ? "loop" : `loop ≤ ${max}`,
      parts: [{ name: name || "body", step: body }],
    },
    (value: unknown, context: RunContext) => rounds(run as Run, rules, value, context, 0, max),
  );
}

type Run = (value: unknown, context: RunContext) => unknown;

interface Rules {
  readonly until: ((value: unknown, rounds: number, context: RunContext) => unknown) | undefined;
  readonly max: number;
  readonly onLimit: "return" | "throw" | ((value: unknown, rounds: number) => number);
}

/** Round after round without a promise, until one of them waits. */
function rounds(
  run: Run,
  rules: Rules,
  start: unknown,
  context: RunContext,
  done: number,
  limit: number,
): unknown {
  let value = start;
  let max = limit;
  for (let round = done + 1; ; round += 1) {
    const name = `loop#${round}`;
    try {
      const result = run(value, context.at(name));
      if (isThenable(result)) return roundsLater(run, rules, result, context, round, max);
      value = result;
      const ends = rules.until?.(value, round, context);
      if (isThenable(ends)) return roundsLater(run, rules, value, context, round, max, ends);
      if (ends === true) return value;
    } catch (error) {
      throw context.branch.blame(error, name);
    }
    const next = atLimit(rules, value, round, max);
    if (next === undefined) return value;
    max = next;
  }
}

async function roundsLater(
  run: Run,
  rules: Rules,
  first: unknown,
  context: RunContext,
  done: number,
  limit: number,
  firstEnds?: PromiseLike<unknown>,
): Promise<unknown> {
  let pending = first;
  let max = limit;
  let asked = firstEnds;
  for (let round = done; ; round += 1) {
    const name = `loop#${round}`;
    let value: unknown;
    try {
      value = await pending;
      const ends = await (asked ?? rules.until?.(value, round, context));
      asked = undefined;
      if (ends === true) return value;
    } catch (error) {
      throw context.branch.blame(error, name);
    }
    const next = atLimit(rules, value, round, max);
    if (next === undefined) return value;
    max = next;
    const aborted = endedOf(context.scope);
    if (aborted !== undefined) throw aborted.reason;
    try {
      pending = run(value, context.at(`loop#${round + 1}`));
    } catch (error) {
      throw context.branch.blame(error, `loop#${round + 1}`);
    }
  }
}

/** The limit from here on; undefined to end with the value. */
function atLimit(rules: Rules, value: unknown, round: number, max: number): number | undefined {
  if (round < max) return max;
  const { onLimit } = rules;
  if (onLimit === "return") return undefined;
  if (onLimit === "throw") {
    throw new FlowError(
      "LOOP_LIMIT",
      `until did not hold within ${max} rounds. Raise max, or say with onLimit what to do then.`,
    );
  }
  const extended = onLimit(value, round);
  return extended > round ? extended : undefined;
}
