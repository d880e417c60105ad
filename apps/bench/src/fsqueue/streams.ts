import type { Contender, Question, Target } from "../harness.ts";
import { openDurableStreamsLog } from "./durable-streams-log.ts";
import { openFileLog } from "./file-log.ts";
import { openLazyLog } from "./lazy-log.ts";
import type { Durability, LiveLog, OpenLiveLog } from "./live-log.ts";
import { openLmdbLog } from "./lmdb-log.ts";
import { Reception, createMessage, numberMessage } from "./message.ts";
import { writeRaw } from "./raw-writes.ts";
import { openRedisLog } from "./redis-log.ts";
import { withRedis, withSqlite } from "./rivals.ts";
import { inScratch } from "./scratch.ts";
import { sqliteLog } from "./sqlite-log.ts";

const EACH = 200;
/** Rivals get fewer messages per stream where there are many streams: so many in all, and at least one each. */
const MOST = 50_000;
/** The same for those who sync each stream by itself. */
const MOST_OF_FILES = 5_000;
const subject = "@lazy/fsqueue";

/**
 * Many streams at once, each with a writer who awaits the acknowledgement of a message before it sends the
 * next, and a reader who is there from the start. The time is until the last reader has everything.
 */
function streaming(full: number, durability: Durability, targets: readonly Target[]): Question {
  return {
    name: `fsqueue/streams-${full}-${durability}`,
    unit: "messages/s",
    rounds: full > 1000 ? 3 : 5,
    targets,
    async contenders(options) {
      const { smoke } = options;
      const streams = smoke ? Math.min(full, 100) : full;
      const contender = (name: string, open: OpenLiveLog, most = MOST): Contender => {
        const all = name === subject ? EACH : Math.min(EACH, Math.floor(most / streams));
        const each = smoke ? 2 : Math.max(1, all);
        return {
          name,
          rival: name !== subject,
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
      const always = durability === "synced" ? "always" : "everysec";
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
        ...(await withSqlite(options, "better-sqlite3, batched", (Database) =>
          contender("better-sqlite3, batched", sqliteLog(Database)),
        )),
        ...(await withRedis(options, `Redis, ${always}`, () =>
          contender(`Redis, ${always}`, openRedisLog),
        )),
        contender("a file per stream", openFileLog, MOST_OF_FILES),
        ...(durability === "synced"
          ? [contender("Durable Streams file store", openDurableStreamsLog, MOST_OF_FILES)]
          : []),
      ];
    },
  };
}

/**
 * Returns the milliseconds until everything was acknowledged and received. A fifth as much goes ahead and is
 * not counted: what the engine has optimised it forgets when a log is closed, as a server never does.
 */
export async function stream(log: LiveLog, streams: number, each: number): Promise<number> {
  const numbers = Array.from({ length: streams }, (_, number) => number);
  const warmUp = Math.ceil(each / 5);
  const receptions = numbers.map((number) => new Reception(number, warmUp + each));
  const messages = numbers.map(createMessage);
  const followed = numbers.map((number) =>
    log.follow(number, (message) => receptions[number]!.take(message)),
  );
  const write = (from: number, to: number): Promise<void>[] =>
    messages.map(async (message, number) => {
      for (let sequence = from; sequence < to; sequence++) {
        await log.append(number, numberMessage(message, sequence));
      }
    });
  await Promise.all(write(0, warmUp));
  const start = performance.now();
  await Promise.all([...write(warmUp, warmUp + each), ...followed]);
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
