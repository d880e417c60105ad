import { bytesCodec, openQueues } from "@lazy/fsqueue";
import type { Question } from "../harness.ts";
import { createMessage, numberMessage, Reception } from "./message.ts";
import { inScratch } from "./scratch.ts";

const STREAMS = 1000;
const EACH = 5;

/** Calls of fsync and fdatasync for 1,000 writers who each create a queue and await five messages. */
export const syncs: Question = {
  name: "fsqueue/syncs-1000x5",
  unit: "calls",
  rounds: 3,
  targets: [{ subject: "@lazy/fsqueue", atMost: 8 }],
  contenders: () => [
    {
      name: "@lazy/fsqueue",
      sample: () =>
        inScratch(async (dir) => {
          await using queues = await openQueues({
            dir,
            durability: "synced",
            codec: bytesCodec(),
          });
          const before = (await queues.store.stats()).syncs;
          const replies = Array.from({ length: STREAMS }, (_, stream) =>
            queues.session(`session-${stream}`).queue<Uint8Array>("reply"),
          );
          await Promise.all(
            replies.map(async (reply, stream) => {
              const message = createMessage(stream);
              for (let sequence = 0; sequence < EACH; sequence++) {
                await reply.enqueue(numberMessage(message, sequence));
              }
            }),
          );
          const { syncs: after } = await queues.store.stats();
          for (const [stream, reply] of replies.entries()) {
            const reception = new Reception(stream, EACH);
            for (const { value } of (await reply.read()).messages) reception.take(value);
            reception.end();
          }
          return after - before;
        }),
    },
  ],
};
