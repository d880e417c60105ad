import { RunnableLambda, RunnableParallel, RunnableSequence } from "@langchain/core/runnables";
import { graph } from "@lazy/flow";
import { Effect } from "effect";
import type { Question } from "../harness.ts";
import { contender } from "./work.ts";

const one = async (n: number): Promise<number> => n + 1;
const add = async (a: number, b: number): Promise<number> => a + b;

/** What a call of a diamond of four asynchronous nodes costs. */
export const graphs: Question = {
  name: "flow/graph-diamond",
  unit: "ns of processor time",
  rounds: 7,
  targets: [],
  contenders: ({ smoke }) => {
    const size = smoke ? 10 : 5000;
    const lazy = graph<number>()
      .node("a", ["$in"], (n) => one(n))
      .node("b", ["a"], (n) => one(n))
      .node("c", ["a"], (n) => one(n))
      .node("d", ["b", "c"], (b, c) => add(b, c))
      .out("d");
    const chain = RunnableSequence.from<number, number>([
      RunnableLambda.from(one),
      RunnableParallel.from<number, { b: number; c: number }>({
        b: RunnableLambda.from(one),
        c: RunnableLambda.from(one),
      }),
      RunnableLambda.from(({ b, c }: { b: number; c: number }) => add(b, c)),
    ]);
    const effect = (n: number): Effect.Effect<number> =>
      promised(() => one(n)).pipe(
        Effect.flatMap((a) =>
          Effect.all([promised(() => one(a)), promised(() => one(a))], { concurrency: 2 }),
        ),
        Effect.flatMap(([b, c]) => promised(() => add(b, c))),
      );
    return [
      contender("hand-written Promise.all", size, (calls) =>
        repeat(calls, async (n) => {
          const a = await one(n);
          const [b, c] = await Promise.all([one(a), one(a)]);
          return add(b, c);
        }),
      ),
      contender("@lazy/flow", size, (calls) => repeat(calls, (n) => lazy(n))),
      contender("effect", size / 5, (calls) => repeat(calls, (n) => Effect.runPromise(effect(n)))),
      contender("@langchain/core", size / 50, (calls) => repeat(calls, (n) => chain.invoke(n))),
    ];
  },
};

function promised(run: () => Promise<number>): Effect.Effect<number> {
  return Effect.promise(run);
}

async function repeat(calls: number, run: (n: number) => Promise<number>): Promise<number> {
  let sum = 0;
  for (let n = 0; n < calls; n += 1) sum += await run(n);
  return sum;
}
