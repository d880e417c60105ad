import { flow } from "@lazy/flow";
import { Effect, Stream } from "effect";
import { from as ixFrom } from "ix/asynciterable";
import { map as ixMap } from "ix/asynciterable/operators";
import { concatMap, from, lastValueFrom, reduce } from "rxjs";
import { pipeline as iterablesPipeline, map as iterablesMap } from "streaming-iterables";
import type { Question } from "../harness.ts";
import { chunkChain } from "./langchain.ts";
import { asyncSteps, contender, source, type Step, syncSteps, total } from "./work.ts";

/** What a chunk costs through five asynchronous steps. */
export const asyncStream: Question = {
  name: "flow/stream-async-5",
  unit: "ns of processor time",
  rounds: 5,
  targets: [],
  contenders: ({ smoke }) => {
    const size = smoke ? 20 : 5000;
    const steps = asyncSteps(5);
    const [a, b, c, d, e] = steps;
    const lazy = steps.reduce(
      (chain, step) => chain.each(step),
      flow<number>()
        .step("source", source)
        .each((n) => n),
    );
    const chain = chunkChain(source, steps);
    return [
      contender("hand-written loop", size, async (chunks) => {
        let sum = 0;
        for await (const n of source(chunks)) {
          sum += await e!(await d!(await c!(await b!(await a!(n)))));
        }
        return sum;
      }),
      contender("@lazy/flow", size, (chunks) => total(lazy.stream(chunks))),
      contender("streaming-iterables", size, (chunks) =>
        total(
          steps.reduce<AsyncIterable<number>>(
            (all, step) => iterablesPipeline(() => all, iterablesMap(step)),
            source(chunks),
          ),
        ),
      ),
      contender("ix", size, (chunks) =>
        total(steps.reduce((all, step) => all.pipe(ixMap(step)), ixFrom(source(chunks)))),
      ),
      contender("rxjs", size, (chunks) =>
        lastValueFrom(
          steps
            .reduce((all, step) => all.pipe(concatMap(step)), from(source(chunks)))
            .pipe(reduce((sum, n) => sum + n, 0)),
        ),
      ),
      contender("effect", size / 5, (chunks) => {
        const all = Stream.fromAsyncIterable(source(chunks), (error) => error);
        const mapped = steps.reduce(
          (each, step) => each.pipe(Stream.mapEffect((n) => Effect.promise(() => step(n)))),
          all,
        );
        return total(Stream.toAsyncIterable(mapped));
      }),
      contender("@langchain/core", size / 10, async (chunks) => total(await chain.stream(chunks))),
    ];
  },
};

/** What a chunk costs through five generators, one reading the other. */
export const generatorStream: Question = {
  name: "flow/stream-generators-5",
  unit: "ns of processor time",
  rounds: 5,
  targets: [],
  contenders: ({ smoke }) => {
    const size = smoke ? 20 : 5000;
    const layers = syncSteps(5).map(layerOf);
    const lazy = layers.reduce(
      (chain, layer) => chain.through(layer),
      flow<number>()
        .step("source", source)
        .through(layerOf((n) => n)),
    );
    return [
      contender("hand-written generators", size, (chunks) =>
        total(layers.reduce((all, layer) => layer(all), layerOf((n) => n)(source(chunks)))),
      ),
      contender("@lazy/flow", size, (chunks) => total(lazy.stream(chunks))),
    ];
  },
};

function layerOf(step: Step) {
  return async function* (chunks: AsyncIterable<number>): AsyncGenerator<number> {
    for await (const chunk of chunks) yield step(chunk);
  };
}
