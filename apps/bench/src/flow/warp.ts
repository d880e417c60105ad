import { RunnableLambda } from "@langchain/core/runnables";
import { warp } from "@lazy/flow";
import { Effect } from "effect";
import { collect, parallelMap } from "streaming-iterables";
import type { Question } from "../harness.ts";
import { contender } from "./work.ts";

const items = Array.from({ length: 500 }, (_, n) => n);
const concurrency = 8;

async function step(n: number): Promise<number> {
  await Promise.resolve();
  return n + 1;
}

/** What an item costs, of 500 at eight at once. */
export const warps: Question = {
  name: "flow/warp-500-at-8",
  unit: "ns of processor time",
  rounds: 7,
  targets: [{ subject: "@lazy/flow", rival: "hand-written workers", atMost: 1.1 }],
  contenders: ({ smoke }) => {
    const times = smoke ? 1 : 100;
    const lazy = warp(step, { concurrency });
    const lambda = RunnableLambda.from(step);
    return [
      contender("hand-written workers", ...all(workers, times)),
      contender("@lazy/flow", ...all(() => lazy(items), times)),
      contender(
        "streaming-iterables",
        ...all(() => collect(parallelMap(concurrency, step, items)), Math.ceil(times / 10)),
      ),
      contender(
        "effect",
        ...all(
          () =>
            Effect.runPromise(
              Effect.forEach(items, (n) => Effect.promise(() => step(n)), { concurrency }),
            ),
          Math.ceil(times / 10),
        ),
      ),
      contender(
        "@langchain/core",
        ...all(() => lambda.batch(items, { maxConcurrency: concurrency }), 1),
      ),
    ];
  },
};

/** All items so many times: how many operations that is, and the work. */
function all(run: () => Promise<unknown>, rounds: number): [number, () => Promise<void>] {
  return [
    rounds * items.length,
    async () => {
      for (let round = 0; round < rounds; round += 1) await run();
    },
  ];
}

async function workers(): Promise<number[]> {
  const results: number[] = [];
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < items.length) {
      const index = next;
      next += 1;
      results[index] = await step(items[index]!);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, work));
  return results;
}
