import { session } from "@lazy/context";
import type { Question } from "../harness.ts";
import { bare, chat, fastify, nest, unctx } from "./rivals.ts";
import { steady } from "./steady.ts";

const calls = 1_000_000;

/** Reads a value many times inside a context, and adds it up so that the reading cannot be left out. */
function reading(
  name: string,
  enter: (work: () => number) => number,
  work: (calls: number) => number,
): { name: string; sample: () => number } {
  return { name, sample: () => enter(() => timed(work)) };
}

function timed(work: (calls: number) => number): number {
  const start = performance.now();
  if (work(calls) !== calls) throw new Error("read something else than was written");
  return ((performance.now() - start) * 1e6) / calls;
}

export const read: Question = {
  name: "context/read",
  unit: "ns",
  targets: [
    { subject: "lazy", rival: "bare getStore()", atMost: 1.6 },
    { subject: "lazy", rival: "nestjs-cls", atMost: 0.33 },
  ],
  contenders: () =>
    steady([
      reading(
        "bare getStore()",
        (work) => bare.run({ user: "ada", tokens: 1 }, work),
        (n) => {
          let sum = 0;
          for (let i = 0; i < n; i++) sum += bare.getStore()!.tokens;
          return sum;
        },
      ),
      reading(
        "lazy",
        (work) =>
          session.run(() => {
            chat.tokens = 1;
            return work();
          }),
        (n) => {
          let sum = 0;
          for (let i = 0; i < n; i++) sum += chat.tokens;
          return sum;
        },
      ),
      reading(
        "nestjs-cls",
        (work) =>
          nest.run(() => {
            nest.set("tokens", 1);
            return work();
          }),
        (n) => {
          let sum = 0;
          for (let i = 0; i < n; i++) sum += nest.get<number>("tokens");
          return sum;
        },
      ),
      reading(
        "unctx",
        (work) => unctx.call({ user: "ada", tokens: 1 }, work),
        (n) => {
          let sum = 0;
          for (let i = 0; i < n; i++) sum += unctx.use().tokens;
          return sum;
        },
      ),
      reading(
        "@fastify/request-context",
        (work) => fastify.run({ user: "ada", tokens: 1 }, work),
        (n) => {
          let sum = 0;
          for (let i = 0; i < n; i++) sum += fastify.get("tokens") as number;
          return sum;
        },
      ),
    ]),
};
