import { session } from "@lazy/context";
import type { Contender } from "../harness.ts";

/** A synchronous step; ten different ones, so that no engine can take them for the same. */
export type Step = (n: number) => number;

const ten: readonly Step[] = [
  (n) => n + 1,
  (n) => n * 2,
  (n) => n - 3,
  (n) => n | 0,
  (n) => n ^ 5,
  (n) => n + 7,
  (n) => n & 0xffff,
  (n) => n + 9,
  (n) => n - 1,
  (n) => n + 2,
];

export function syncSteps(count: number): Step[] {
  return ten.slice(0, count);
}

export function asyncSteps(count: number): ((n: number) => Promise<number>)[] {
  return syncSteps(count).map((step) => async (n) => step(n));
}

/** Where chunks come from: an async generator, as of a model's tokens. */
export async function* source(chunks: number): AsyncGenerator<number> {
  for (let n = 0; n < chunks; n += 1) yield n;
}

/**
 * A contender that does `work(n)`, of n operations each time, inside a session. The slow ones do fewer. What
 * counts is processor time, since none of this waits for anything but itself. A sample is the best of four: the garbage collection between samples throws compiled code away, and on a
 * busy machine the compiler's own thread takes its time.
 */
export function contender(
  name: string,
  operations: number,
  work: (operations: number) => Promise<unknown>,
): Contender {
  const count = Math.max(1, Math.round(operations));
  return {
    name,
    async sample() {
      let best = Infinity;
      for (let run = 0; run < 4; run += 1) {
        const before = process.cpuUsage();
        await session.run(() => work(count));
        const { user, system } = process.cpuUsage(before);
        best = Math.min(best, ((user + system) * 1000) / count);
      }
      return best;
    },
  };
}

/** Add up the chunks of an async iterable, as any reader would. */
export async function total(chunks: AsyncIterable<number>): Promise<number> {
  let sum = 0;
  for await (const chunk of chunks) sum += chunk;
  return sum;
}
