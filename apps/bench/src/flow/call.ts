import { flow } from "@lazy/flow";
import { Effect } from "effect";
import type { Question } from "../harness.ts";
import { valueChain } from "./langchain.ts";
import { asyncSteps, contender } from "./work.ts";

/** What a call through ten asynchronous steps costs. */
export const call: Question = {
  name: "flow/call-10",
  unit: "ns of processor time",
  rounds: 7,
  targets: [
    { subject: "@lazy/flow", rival: "direct awaits", atMost: 1.3, node: { from: 24 } },
    { subject: "@lazy/flow", rival: "direct awaits", atMost: 1.7, node: { below: 24 } },
    { subject: "@langchain/core", rival: "@lazy/flow", atLeast: 250 },
  ],
  contenders: ({ smoke }) => {
    const size = smoke ? 50 : 20_000;
    const steps = asyncSteps(10);
    const lazy = steps.reduce((chain, step) => chain.step(step), flow<number>().step(first));
    const chain = valueChain([first, ...steps]);
    const effect = (n: number): Effect.Effect<number> =>
      steps.reduce(
        (all, step) => all.pipe(Effect.flatMap((value) => Effect.promise(() => step(value)))),
        Effect.promise(() => first(n)),
      );
    const [a, b, c, d, e, f, g, h, i, j] = steps;
    const direct = async (n: number): Promise<number> => {
      let value = await first(n);
      value = await a!(value);
      value = await b!(value);
      value = await c!(value);
      value = await d!(value);
      value = await e!(value);
      value = await f!(value);
      value = await g!(value);
      value = await h!(value);
      value = await i!(value);
      return await j!(value);
    };
    return [
      contender("direct awaits", size, (calls) => repeat(calls, direct)),
      contender("@lazy/flow", size, (calls) => repeat(calls, (n) => lazy.call(n))),
      contender("effect", size / 10, (calls) => repeat(calls, (n) => Effect.runPromise(effect(n)))),
      contender("@langchain/core", size / 100, (calls) => repeat(calls, (n) => chain.invoke(n))),
    ];
  },
};

async function first(n: number): Promise<number> {
  return n;
}

async function repeat(calls: number, run: (n: number) => Promise<number>): Promise<number> {
  let sum = 0;
  for (let n = 0; n < calls; n += 1) sum += await run(n);
  return sum;
}
