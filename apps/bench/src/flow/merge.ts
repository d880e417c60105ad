import { parallel } from "@lazy/flow";
import { Stream } from "effect";
import { from as ixFrom, merge as ixMerge } from "ix/asynciterable";
import { from, lastValueFrom, merge as rxMerge, reduce } from "rxjs";
import { merge as iterablesMerge } from "streaming-iterables";
import type { Question } from "../harness.ts";
import { contender, source, total } from "./work.ts";

const branches = [0, 1, 2, 3, 4];

/** What a chunk of five merged streams costs. */
export const merges: Question = {
  name: "flow/merge-5",
  unit: "ns of processor time",
  rounds: 7,
  targets: [{ subject: "@lazy/flow", rival: "hand-written merge", atMost: 2.2 }],
  contenders: ({ smoke }) => {
    const size = smoke ? 50 : 20_000;
    const lazy = parallel(branches.map(() => source));
    const sources = (chunks: number): AsyncGenerator<number>[] =>
      branches.map(() => source(chunks / branches.length));
    return [
      contender("hand-written merge", size, (chunks) => total(byHand(sources(chunks)))),
      contender("@lazy/flow", size, (chunks) => total(lazy.merge(chunks / branches.length))),
      contender("streaming-iterables", size, (chunks) => total(iterablesMerge(...sources(chunks)))),
      contender("ix", size, (chunks) => {
        const [first, ...rest] = sources(chunks).map((each) => ixFrom(each));
        return total(ixMerge(first!, ...rest));
      }),
      contender("rxjs", size, (chunks) =>
        lastValueFrom(
          rxMerge(...sources(chunks).map((each) => from(each))).pipe(
            reduce((sum, n) => sum + n, 0),
          ),
        ),
      ),
      contender("effect", size / 10, (chunks) =>
        total(
          Stream.toAsyncIterable(
            Stream.mergeAll(
              sources(chunks).map((each) => Stream.fromAsyncIterable(each, (error) => error)),
              { concurrency: "unbounded" },
            ),
          ),
        ),
      ),
    ];
  },
};

/** A queue that all sources fill as fast as they can, and one reader; it has no backpressure. */
async function* byHand(sources: readonly AsyncIterable<number>[]): AsyncGenerator<number> {
  const ready: number[] = [];
  let next = 0;
  let open = sources.length;
  let wake: (() => void) | undefined;
  const pump = async (chunks: AsyncIterable<number>): Promise<void> => {
    for await (const chunk of chunks) {
      ready.push(chunk);
      wake?.();
    }
    open -= 1;
    wake?.();
  };
  const pumps = sources.map(pump);
  for (;;) {
    if (next < ready.length) {
      yield ready[next]!;
      next += 1;
      if (next < ready.length) continue;
      ready.length = 0;
      next = 0;
    } else if (open === 0) {
      break;
    } else {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  }
  await Promise.all(pumps);
}
