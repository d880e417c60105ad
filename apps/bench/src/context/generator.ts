import { AsyncLocalStorage } from "node:async_hooks";
import { session, type Session } from "@lazy/context";
import { nanosecondsPerAwait, type Contender, type Question } from "../harness.ts";
import { tick } from "./tick.ts";
import { steady } from "./steady.ts";

const steps = 50_000;
let seen = 0;

type Tokens = (n: number) => AsyncGenerator<number>;

async function* counted(n: number): AsyncGenerator<number> {
  for (let i = 0; i < n; i++) yield i;
}

async function* awaited(n: number): AsyncGenerator<number> {
  for (let i = 0; i < n; i++) {
    await tick();
    yield i;
  }
}

/** A step of an async generator that awaits its token, as one that streams does; the consumer is in another session. */
export const generatorStep: Question = {
  name: "context/generator-step",
  unit: "ns",
  rounds: 25,
  targets: [{ subject: "bound", rival: "unbound", atMost: 1.1 }],
  contenders: () => steady(consumers(awaited).slice(0, 2)),
};

/** Other ways to the same, and what a session that lives as long as its stream adds. */
export const otherGeneratorStep: Question = {
  name: "context/generator-step-other-ways",
  unit: "ns",
  targets: [],
  contenders: () => steady(consumers(awaited)),
};

/** The same with a body that does nothing at all: what a step costs by itself. */
export const emptyGeneratorStep: Question = {
  name: "context/generator-step-without-work",
  unit: "ns",
  rounds: 25,
  targets: [],
  contenders: () => steady(consumers(counted).slice(0, 2)),
};

/** Each has a loop of its own, as each consumer in a program has, so that none is compiled for all of them. */
function consumers(tokens: Tokens): Contender[] {
  const creator = session.open();
  const consumer = session.open();
  const consume = (name: string, drain: () => Promise<void>): Contender => ({
    name,
    sample: () => consumer.run(() => nanosecondsPerAwait(steps, drain)),
  });
  return [
    consume("unbound", async () => {
      for await (const token of tokens(steps)) seen += token;
    }),
    consume("bound", async () => {
      for await (const token of creator.bind(tokens(steps))) seen += token;
    }),
    consume("held open by session.run", async () => {
      for await (const token of session.run(() => tokens(steps))) seen += token;
    }),
    consume("AsyncLocalStorage.snapshot()", async () => {
      for await (const token of snapshotted(creator, tokens(steps))) seen += token;
    }),
    consume("run() for each step", async () => {
      for await (const token of entered(creator, tokens(steps))) seen += token;
    }),
  ];
}

function snapshotted(creator: Session, source: AsyncGenerator<number>): AsyncIterable<number> {
  const enter = creator.run(() => AsyncLocalStorage.snapshot());
  const next = (): Promise<IteratorResult<number>> => source.next();
  return { [Symbol.asyncIterator]: () => ({ next: () => enter(next) }) };
}

function entered(creator: Session, source: AsyncGenerator<number>): AsyncIterable<number> {
  const next = (): Promise<IteratorResult<number>> => source.next();
  return { [Symbol.asyncIterator]: () => ({ next: () => creator.run(next) }) };
}
