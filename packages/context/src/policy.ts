import { argumentError, describe } from "./errors.ts";
import type { SessionOutcome } from "./session.ts";

/** What applies to one key of a set of globals. */
export interface GlobalPolicy<T> {
  /**
   * What a fork starts with. `copy` (default): a deep copy of the parent's value, taken when it forks; its
   * cost is that of copying. `share`: no value of its own; it reads and writes the one of the outermost
   * session. `reset`: the default.
   */
  readonly fork?: "share" | "copy" | "reset";
  /**
   * When a fork ends that has touched this key, the parent's value becomes what this returns (unless that is
   * undefined). It is called whatever the outcome, which is its third argument. Not together with `share`.
   */
  readonly join?: (parent: T, child: T, outcome: SessionOutcome) => T | undefined;
  /**
   * Lets `session.inject` send the value to other processes and `session.extract` receive it. As a function it
   * checks what was received: it returns the value to use, or throws to refuse it. The set needs a `name`.
   */
  readonly propagate?: boolean | ((received: unknown) => T);
  /** Writes throw `READONLY`. The value comes from the default, the parent, or `session.extract`. */
  readonly readonly?: boolean;
}

export type GlobalPolicies<V> = { readonly [K in keyof V]?: GlobalPolicy<V[K]> };

const forks = new Set(["share", "copy", "reset"]);
const checks: Readonly<Record<keyof GlobalPolicy<unknown>, (value: unknown) => boolean>> = {
  fork: (value) => forks.has(value as string),
  join: (value) => typeof value === "function",
  propagate: (value) => typeof value === "boolean" || typeof value === "function",
  readonly: (value) => typeof value === "boolean",
};

/** Refuses a policy with an unknown name or value, or for a key that does not exist. */
export function checkPolicies(keys: readonly string[], policies: object, named: boolean): void {
  for (const [key, policy] of Object.entries(policies) as [string, unknown][]) {
    if (policy === undefined) continue;
    if (!keys.includes(key)) {
      throw invalid(`there is no key ${describe(key)}; the keys are ${keys.join(", ")}`);
    }
    if (typeof policy !== "object" || policy === null) {
      throw invalid(`the policy of ${describe(key)} must be an object, not ${describe(policy)}`);
    }
    checkPolicy(key, policy, named);
  }
}

function checkPolicy(key: string, policy: object, named: boolean): void {
  for (const [name, value] of Object.entries(policy)) {
    if (!Object.hasOwn(checks, name)) {
      throw invalid(
        `${describe(key)} has an unknown policy ${describe(name)}; there are ${Object.keys(checks).join(", ")}`,
      );
    }
    if (value !== undefined && !checks[name as keyof typeof checks](value)) {
      throw invalid(`the policy ${name} of ${describe(key)} cannot be ${describe(value)}`);
    }
  }
  const { fork, join, propagate } = policy as GlobalPolicy<unknown>;
  if (fork === "share" && join !== undefined) {
    throw invalid(`${describe(key)} cannot have both fork: "share" and join: nothing would join`);
  }
  if (propagate && !named) {
    throw invalid(
      `${describe(key)} can only propagate if the set has a name: defineGlobals(…, { name })`,
    );
  }
}

function invalid(what: string): TypeError {
  return argumentError("POLICY_INVALID", `defineGlobals: ${what}.`);
}
