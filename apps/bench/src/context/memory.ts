import { session, type Session } from "@lazy/context";
import type { Question } from "../harness.ts";
import { chat, defaults } from "./rivals.ts";

/** What a live session takes, at 100,000 of them. Needs --expose-gc. */
export const memory: Question = {
  name: "context/memory",
  unit: "bytes",
  rounds: 5,
  targets: [{ subject: "2 of 9 keys touched", rival: "eager structuredClone", atMost: 1 }],
  contenders(options) {
    const count = options.smoke ? 1000 : 100_000;
    if (globalThis.gc === undefined) {
      options.leaveOut("all", "run node with --expose-gc");
      return [];
    }
    const measured = (
      name: string,
      open: (i: number) => object,
      end?: (opened: object) => unknown,
    ) => ({
      name,
      async sample() {
        const before = heap();
        const opened = Array.from({ length: count }, (_, i) => open(i));
        const bytes = (heap() - before) / count;
        if (end !== undefined) await Promise.all(opened.map(end));
        return bytes;
      },
    });
    return [
      measured("untouched", () => session.open(), close),
      measured(
        "2 of 9 keys touched",
        (i) => {
          const opened = session.open();
          opened.run(() => {
            chat.user = "ada";
            chat.tokens = i;
          });
          return opened;
        },
        close,
      ),
      measured("eager structuredClone", (i) => {
        const store = structuredClone(defaults);
        store.user = "ada";
        store.tokens = i;
        return store;
      }),
    ];
  },
};

function close(opened: object): Promise<unknown> {
  return (opened as Session).close();
}

function heap(): number {
  globalThis.gc!();
  return process.memoryUsage().heapUsed;
}
