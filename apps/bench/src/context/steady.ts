import type { Contender } from "../harness.ts";

/**
 * Samples several times and counts the last. Between samples the harness collects garbage, and that lets V8
 * throw away compiled code; a program that is busy with this work all the time does not compile it anew.
 */
export function steady(contenders: readonly Contender[], times = 3): Contender[] {
  return contenders.map((contender) => ({
    ...contender,
    async sample() {
      for (let i = 1; i < times; i++) await contender.sample();
      return contender.sample();
    },
  }));
}
