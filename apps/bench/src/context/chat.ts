import { AsyncLocalStorage } from "node:async_hooks";
import { session } from "@lazy/context";
import { nanosecondsPerAwait, type Question } from "../harness.ts";
import { chat } from "./rivals.ts";
import { tick } from "./tick.ts";
import { steady } from "./steady.ts";

const chats = 500;
let seen = 0;

/** A whole chat: a session with a user, 50 tokens counted in it and drained from outside, and its end. */
export const chatOf50: Question = {
  name: "context/chat-of-50-tokens",
  unit: "ns",
  targets: [],
  contenders: () => {
    const storage = new AsyncLocalStorage<{ user: string; tokens: number }>();
    return steady([
      {
        name: "bare AsyncLocalStorage, run() for each step",
        sample: () =>
          nanosecondsPerAwait(chats, async (n) => {
            for (let i = 0; i < n; i++) {
              const store = { user: "ada", tokens: 0 };
              const source = storage.run(store, async function* () {
                for (let j = 0; j < 50; j++) {
                  await tick();
                  yield (storage.getStore()!.tokens += 1);
                }
              });
              const next = (): Promise<IteratorResult<number>> => source.next();
              const entered = {
                [Symbol.asyncIterator]: () => ({ next: () => storage.run(store, next) }),
              };
              for await (const token of entered) seen += token;
            }
          }),
      },
      {
        name: "lazy",
        sample: () =>
          nanosecondsPerAwait(chats, async (n) => {
            for (let i = 0; i < n; i++) {
              const stream = session.run(async function* () {
                chat.user = "ada";
                for (let j = 0; j < 50; j++) {
                  await tick();
                  yield (chat.tokens += 1);
                }
              });
              for await (const token of stream) seen += token;
            }
          }),
      },
    ]);
  },
};
