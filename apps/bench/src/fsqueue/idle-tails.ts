import { type Queues, openQueues } from "@lazy/fsqueue";
import type { Question } from "../harness.ts";
import { inScratch } from "./scratch.ts";

/** What a queue takes that somebody follows while nothing happens: the handle, its name and the tail included. */
export const idleTails: Question = {
  name: "fsqueue/memory-idle-tail",
  unit: "bytes",
  rounds: 5,
  targets: [{ subject: "@lazy/fsqueue", atMost: 2048 }],
  contenders(options) {
    const count = options.smoke ? 1000 : 20_000;
    if (globalThis.gc === undefined) {
      options.leaveOut("@lazy/fsqueue", "run node with --expose-gc");
      return [];
    }
    return [
      {
        name: "@lazy/fsqueue",
        sample: () =>
          inScratch(async (dir) => {
            await using queues = await openQueues({ dir });
            await fillMemory(queues);
            const before = await settledMemory();
            const tails = await Promise.all(
              Array.from({ length: count }, async (_, number) => {
                const reply = queues.session(`session-${number}`).queue("reply");
                await reply.enqueue(number);
                const tail = reply.tail();
                const first = await tail.next();
                if (first.done === true || first.value.value !== number) {
                  throw new Error(
                    `the tail of session-${number} began with ${String(first.value?.value)}`,
                  );
                }
                return { tail, next: tail.next() };
              }),
            );
            const bytes = ((await settledMemory()) - before) / count;
            for (const { tail } of tails) await tail.return?.();
            return bytes;
          }),
      },
    ];
  },
};

/** Let the store take the memory that it takes once, for whatever was written lately. */
async function fillMemory(queues: Queues): Promise<void> {
  const other = queues.session("other").queue("reply");
  await other.enqueueMany(Array.from({ length: 1024 }, () => "x".repeat(1024)));
}

/** Memory of the heap and outside it, once what is no more needed is gone. */
async function settledMemory(): Promise<number> {
  for (let turn = 0; turn < 3; turn++) {
    await new Promise((resolve) => setImmediate(resolve));
    globalThis.gc!();
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
