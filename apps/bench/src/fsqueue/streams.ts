import type { Contender, Question, Target } from "../harness.ts";
import { openFileLog } from "./file-log.ts";
import { openLazyLog } from "./lazy-log.ts";
import type { Durability, LiveLog, OpenLiveLog } from "./live-log.ts";
import { openLmdbLog } from "./lmdb-log.ts";
import { Reception, createMessage, numberMessage } from "./message.ts";
import { writeRaw } from "./raw-writes.ts";
import { inScratch } from "./scratch.ts";

const EACH = 200;
const subject = "@lazy/fsqueue";

/**
 * Many streams at once, each with a writer who awaits the acknowledgement of a message before it sends the
 * next, and a reader who is there from the start. The time is until the last reader has everything.
 */
function streaming(streams: number, durability: Durability, targets: readonly Target[]): Question {
  return {
    name: `fsqueue/streams-${streams}-${durability}`,
    unit: "messages/s",
    rounds: streams > 1000 ? 3 : 5,
    targets,
    contenders({ smoke }) {
      const contender = (name: string, open: OpenLiveLog, most = Infinity): Contender => {
        const each = smoke ? 2 : Math.max(1, Math.min(EACH, Math.floor(most / streams)));
        return {
          name: each === EACH || smoke ? name : `${name} (${each} each)`,
          sample: () =>
            inScratch(async (dir) => {
              const log = await open({ dir, streams, durability });
              try {
                return (streams * each * 1000) / (await stream(log, streams, each));
              } finally {
                await log.close();
              }
            }),
        };
      };
      return [
        contender(subject, openLazyLog),
        {
          name: "raw writes",
          sample: () =>
            inScratch(async (dir) => {
              const each = smoke ? 2 : EACH;
              const took = await writeRaw(dir, { streams, each, durability });
              return (streams * each * 1000) / took;
            }),
        },
        contender("lmdb", openLmdbLog),
        contender("a file per stream", openFileLog, 20_000),
      ];
    },
  };
}

/** Returns the milliseconds until everything was acknowledged and received. */
export async function stream(log: LiveLog, streams: number, each: number): Promise<number> {
  const numbers = Array.from({ length: streams }, (_, number) => number);
  const receptions = numbers.map((number) => new Reception(number, each));
  const messages = numbers.map(createMessage);
  const followed = numbers.map((number) =>
    log.follow(number, (message) => receptions[number]!.take(message)),
  );
  const start = performance.now();
  const written = messages.map(async (message, number) => {
    for (let sequence = 0; sequence < each; sequence++) {
      await log.append(number, numberMessage(message, sequence));
    }
  });
  await Promise.all([...written, ...followed]);
  const took = performance.now() - start;
  for (const reception of receptions) reception.end();
  return took;
}

export const streamQuestions: readonly Question[] = [
  streaming(1, "synced", []),
  streaming(100, "synced", []),
  streaming(1000, "synced", [
    { subject, rival: "lmdb", atLeast: 4 },
    { subject, rival: "Redis, always", atLeast: 7 },
    { subject, rival: "better-sqlite3, batched", atLeast: 10 },
    { subject, rival: "Durable Streams file store", atLeast: 100 },
  ]),
  streaming(10_000, "synced", []),
  streaming(1, "written", []),
  streaming(100, "written", []),
  streaming(1000, "written", []),
  streaming(10_000, "written", []),
];
