import { AsyncLocalStorage } from "node:async_hooks";
import { session } from "@lazy/context";
import { nanosecondsPerCall, type Question } from "../harness.ts";
import { bare } from "./rivals.ts";
import { steady } from "./steady.ts";

const calls = 5_000;
let called = 0;
const callback = (by: number): void => {
  called += by;
};

/** Making a callback that keeps its context, and calling it once: what each listener and job costs. */
export const bind: Question = {
  name: "context/bind-and-call",
  unit: "ns",
  targets: [{ subject: "lazy", rival: "AsyncLocalStorage.bind", atMost: 0.1 }],
  contenders: () =>
    steady([
      {
        name: "AsyncLocalStorage.bind",
        sample: () =>
          bare.run({ user: "", tokens: 0 }, () =>
            nanosecondsPerCall(calls, () => AsyncLocalStorage.bind(callback)(1)),
          ),
      },
      {
        name: "lazy",
        sample: () => session.run(() => nanosecondsPerCall(calls, () => session.bind(callback)(1))),
      },
    ]),
};

/** The same, called from inside another context. */
export const bindElsewhere: Question = {
  name: "context/bind-and-call-elsewhere",
  unit: "ns",
  targets: [],
  contenders: () =>
    steady([
      {
        name: "AsyncLocalStorage.bind",
        sample: () => {
          const other = { user: "other", tokens: 0 };
          return bare.run({ user: "", tokens: 0 }, () =>
            nanosecondsPerCall(calls, () => bare.run(other, AsyncLocalStorage.bind(callback), 1)),
          );
        },
      },
      {
        name: "lazy",
        sample: () => {
          const other = session.open();
          return session.run((s) =>
            nanosecondsPerCall(calls, () => {
              const bound = s.bind(callback);
              other.run(() => bound(1));
            }),
          );
        },
      },
    ]),
};
