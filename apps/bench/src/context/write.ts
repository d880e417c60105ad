import { session } from "@lazy/context";
import { nanosecondsPerCall, type Question } from "../harness.ts";
import { bare, chat, fastify, nest, unctx } from "./rivals.ts";
import { steady } from "./steady.ts";

const calls = 1_000_000;

export const write: Question = {
  name: "context/write",
  unit: "ns",
  targets: [
    { subject: "lazy", rival: "bare getStore()", atMost: 1.6 },
    { subject: "lazy", rival: "nestjs-cls", atMost: 0.33 },
  ],
  contenders: () =>
    steady([
      {
        name: "bare getStore()",
        sample: () =>
          bare.run({ user: "", tokens: 0 }, () =>
            nanosecondsPerCall(calls, (i) => {
              bare.getStore()!.tokens = i;
            }),
          ),
      },
      {
        name: "lazy",
        sample: () =>
          session.run(() =>
            nanosecondsPerCall(calls, (i) => {
              chat.tokens = i;
            }),
          ),
      },
      {
        name: "nestjs-cls",
        sample: () => nest.run(() => nanosecondsPerCall(calls, (i) => nest.set("tokens", i))),
      },
      {
        name: "unctx",
        sample: () =>
          unctx.call({ user: "", tokens: 0 }, () =>
            nanosecondsPerCall(calls, (i) => {
              unctx.use().tokens = i;
            }),
          ),
      },
      {
        name: "@fastify/request-context",
        sample: () =>
          fastify.run({ user: "", tokens: 0 }, () =>
            nanosecondsPerCall(calls, (i) => fastify.set("tokens", i)),
          ),
      },
    ]),
};
