import { session } from "@lazy/context";
import { nanosecondsPerAwait, nanosecondsPerCall, type Question } from "../harness.ts";
import { tick } from "./tick.ts";
import { bare, chat, fastify, nest, unctx } from "./rivals.ts";
import { steady } from "./steady.ts";

const calls = 100_000;
let ran = 0;
const body = (): void => {
  ran++;
};

/** Entering a context and leaving it, with nothing done inside. */
export const run: Question = {
  name: "context/run",
  unit: "ns",
  targets: [
    { subject: "lazy", rival: "bare als.run()", atMost: 1.8, node: { below: 24 } },
    { subject: "lazy", rival: "bare als.run()", atMost: 1.15, node: { from: 24 } },
  ],
  contenders: () =>
    steady([
      {
        name: "bare als.run()",
        sample: () => nanosecondsPerCall(calls, (i) => bare.run({ user: "", tokens: i }, body)),
      },
      { name: "lazy", sample: () => nanosecondsPerCall(calls, () => session.run(body)) },
      { name: "nestjs-cls", sample: () => nanosecondsPerCall(calls, () => nest.run(body)) },
      {
        name: "unctx",
        sample: () => nanosecondsPerCall(calls, (i) => unctx.call({ user: "", tokens: i }, body)),
      },
      {
        name: "@fastify/request-context",
        sample: () => nanosecondsPerCall(calls, (i) => fastify.run({ user: "", tokens: i }, body)),
      },
    ]),
};

/** The same with two values written, one read back, and an asynchronous body. */
export const runAndUse: Question = {
  name: "context/run-and-use",
  unit: "ns",
  targets: [],
  contenders: () =>
    steady([
      {
        name: "bare als.run()",
        sample: () =>
          repeat((i) =>
            bare.run({ user: "", tokens: 0 }, async () => {
              const store = bare.getStore()!;
              store.user = "ada";
              store.tokens = i;
              await tick();
              ran += bare.getStore()!.tokens;
            }),
          ),
      },
      {
        name: "lazy",
        sample: () =>
          repeat((i) =>
            session.run(async () => {
              chat.user = "ada";
              chat.tokens = i;
              await tick();
              ran += chat.tokens;
            }),
          ),
      },
      {
        name: "nestjs-cls",
        sample: () =>
          repeat((i) =>
            nest.run(async () => {
              nest.set("user", "ada");
              nest.set("tokens", i);
              await tick();
              ran += nest.get<number>("tokens");
            }),
          ),
      },
    ]),
};

function repeat(once: (i: number) => Promise<void>): Promise<number> {
  return nanosecondsPerAwait(20_000, async (n) => {
    for (let i = 0; i < n; i++) await once(i);
  });
}
