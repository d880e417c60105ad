import type { Contender } from "../harness.ts";

/**
 * Samples twice and counts the second. Between samples the harness collects garbage, and that lets V8 throw
 * away compiled code; a program that is busy with this work all the time does not compile it anew.
 */
export function steady(contenders: readonly Contender[]): Contender[] {
  return contenders.map((contender) => ({
    ...contender,
    async sample() {
      await contender.sample();
      return contender.sample();
    },
  }));
}
