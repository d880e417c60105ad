import { session } from "@lazy/context";
import { flow } from "@lazy/flow";
import type { Question } from "../harness.ts";

async function* numbers(): AsyncGenerator<number> {
  for (let n = 0; ; n += 1) yield n;
}

const five = flow()
  .step("numbers", numbers)
  .each((n) => n + 1)
  .each((n) => n * 2)
  .each((n) => n - 1)
  .each((n) => n);

/** What a stream of five steps takes that has been read from and is still open. Needs --expose-gc. */
export const memory: Question = {
  name: "flow/memory",
  unit: "bytes",
  rounds: 5,
  targets: [{ subject: "@lazy/flow", atMost: 1000 }],
  contenders(options) {
    if (globalThis.gc === undefined) {
      options.leaveOut("all", "run node with --expose-gc");
      return [];
    }
    const count = options.smoke ? 100 : 20_000;
    const measured = (name: string, open: () => AsyncIterator<number>) => ({
      name,
      sample: () =>
        session.run(async () => {
          const before = heap();
          const opened: AsyncIterator<number>[] = [];
          for (let n = 0; n < count; n += 1) {
            const iterator = open();
            await iterator.next();
            opened.push(iterator);
          }
          const bytes = (heap() - before) / count;
          for (const iterator of opened) await iterator.return?.();
          return bytes;
        }),
    });
    return [
      measured("the source's generator alone", () => numbers()),
      measured("@lazy/flow", () => five.stream()[Symbol.asyncIterator]()),
    ];
  },
};

function heap(): number {
  globalThis.gc!();
  return process.memoryUsage().heapUsed;
}
