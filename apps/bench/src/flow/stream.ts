import { Readable, Transform } from "node:stream";
import { flow } from "@lazy/flow";
import { Stream } from "effect";
import { pipe } from "it-pipe";
import { from as ixFrom } from "ix/asynciterable";
import { map as ixMap } from "ix/asynciterable/operators";
import { from, lastValueFrom, map, reduce } from "rxjs";
import { pipeline as iterablesPipeline, map as iterablesMap } from "streaming-iterables";
import type { Question, Target } from "../harness.ts";
import { chunkChain } from "./langchain.ts";
import { contender, source, type Step, syncSteps, total } from "./work.ts";

const hand = "hand-written loop";
const targets: readonly Target[] = [
  { subject: "@lazy/flow", rival: hand, atMost: 2, node: { from: 24 } },
  { subject: "@lazy/flow", rival: hand, atMost: 2.8, node: { below: 24 } },
  { subject: "@langchain/core", rival: "@lazy/flow", atLeast: 80 },
  { subject: "Web Streams", rival: "@lazy/flow", atLeast: 30 },
  { subject: "effect", rival: "@lazy/flow", atLeast: 6 },
];

/** What a chunk costs through so many synchronous steps. */
function stream(count: number): Question {
  return {
    name: `flow/stream-${count}`,
    unit: "ns of processor time",
    rounds: 7,
    targets: count === 10 ? targets : [],
    contenders: ({ smoke }) => {
      const size = smoke ? 40 : 40_000;
      const steps = syncSteps(count);
      const lazy = steps.reduce(
        (chain, step) => chain.each(step),
        flow<number>().step("source", source),
      );
      const chain = chunkChain(source, steps);
      return [
        contender(hand, size, (chunks) => byHand(chunks, steps)),
        contender("hand-written generator", size, (chunks) =>
          total(generatorByHand(chunks, steps)),
        ),
        contender("@lazy/flow", size, (chunks) => total(lazy.stream(chunks))),
        contender("streaming-iterables", size / 15, (chunks) => {
          const mapped = steps.map((step) => iterablesMap(step));
          const piped = mapped.reduce<AsyncIterable<number>>(
            (all, each) => iterablesPipeline(() => all, each),
            source(chunks),
          );
          return total(piped);
        }),
        contender("it-pipe", size / 15, (chunks) =>
          total(
            steps.reduce<AsyncIterable<number>>(
              (all, step) => pipe(all, eachOf(step)),
              source(chunks),
            ),
          ),
        ),
        contender("ix", size / 15, (chunks) =>
          total(steps.reduce((all, step) => all.pipe(ixMap(step)), ixFrom(source(chunks)))),
        ),
        contender("rxjs", size, (chunks) =>
          lastValueFrom(
            steps
              .reduce((all, step) => all.pipe(map(step)), from(source(chunks)))
              .pipe(reduce((sum, n) => sum + n, 0)),
          ),
        ),
        contender("effect", size / 15, (chunks) => {
          const all = Stream.fromAsyncIterable(source(chunks), (error) => error);
          const mapped = steps.reduce((each, step) => each.pipe(Stream.map(step)), all);
          return total(Stream.toAsyncIterable(mapped));
        }),
        contender("Node streams", size / 15, (chunks) => {
          const transforms = steps.map(
            (step) =>
              new Transform({
                objectMode: true,
                transform(chunk: number, _encoding, done) {
                  done(null, step(chunk));
                },
              }),
          );
          return total(
            transforms.reduce<Readable>(
              (all, each) => all.pipe(each),
              Readable.from(source(chunks)),
            ),
          );
        }),
        contender("Web Streams", size / 40, (chunks) => {
          const readable = ReadableStream.from<number>(source(chunks));
          return total(steps.reduce((all, step) => all.pipeThrough(transformOf(step)), readable));
        }),
        contender("@langchain/core", size / 80, async (chunks) =>
          total(await chain.stream(chunks)),
        ),
      ];
    },
  };
}

/** The least anybody could write: no stream, only a loop. */
async function byHand(chunks: number, steps: readonly Step[]): Promise<number> {
  const apply = inOneGo(steps);
  let sum = 0;
  for await (const chunk of source(chunks)) sum += apply(chunk);
  return sum;
}

/** The same as a stream that somebody else can read. */
async function* generatorByHand(chunks: number, steps: readonly Step[]): AsyncGenerator<number> {
  const apply = inOneGo(steps);
  for await (const chunk of source(chunks)) yield apply(chunk);
}

/** The steps written out, as they would be by hand. */
function inOneGo([a, b, c, d, e, f, g, h, i, j]: readonly Step[]): Step {
  if (b === undefined) return a!;
  if (f === undefined) return (n) => e!(d!(c!(b(a!(n)))));
  return (n) => j!(i!(h!(g!(f(e!(d!(c!(b(a!(n))))))))));
}

function eachOf(step: Step) {
  return async function* (chunks: AsyncIterable<number>): AsyncGenerator<number> {
    for await (const chunk of chunks) yield step(chunk);
  };
}

function transformOf(step: Step): TransformStream<number, number> {
  return new TransformStream({
    transform(chunk, controller) {
      controller.enqueue(step(chunk));
    },
  });
}

export const streams: readonly Question[] = [stream(1), stream(5), stream(10)];
