import type { Contender, Question } from "../harness.ts";
import type { OpenLiveLog } from "../fsqueue/live-log.ts";
import { openRedisLog } from "../fsqueue/redis-log.ts";
import { withRedis } from "../fsqueue/rivals.ts";
import { inScratch } from "../fsqueue/scratch.ts";
import { stream } from "../fsqueue/streams.ts";
import { openLazyRedisLog } from "./lazy-redis-log.ts";
import { openResumableStreamLog } from "./resumable-stream-log.ts";

const EACH = 200;
const subject = "@lazy/redis";

/**
 * Many streams at once, each with a writer who awaits each message, and a reader on another connection who is
 * there from the start: what a client costs that has resumed its answer at another server. The server appends
 * to its file and syncs it every second.
 */
function secondReaders(full: number): Question {
  return {
    name: `redis/second-readers-${full}`,
    unit: "messages/s",
    rounds: 5,
    targets: [],
    contenders: (options) => {
      const { smoke } = options;
      const streams = smoke ? Math.min(full, 20) : full;
      const each = smoke ? 2 : EACH;
      const contender = (name: string, open: OpenLiveLog): Contender => ({
        name,
        rival: name !== subject,
        sample: () =>
          inScratch(async (dir) => {
            const log = await open({ dir, streams, durability: "written" });
            try {
              return (streams * each * 1000) / (await stream(log, streams, each));
            } finally {
              await log.close();
            }
          }),
      });
      return withRedis(options, "all of them", () => [
        contender(subject, openLazyRedisLog),
        contender("Redis Streams by hand", openRedisLog),
        contender("resumable-stream", openResumableStreamLog),
      ]).then((found) => found.flat());
    },
  };
}

export const questions: readonly Question[] = [1, 100, 1000].map(secondReaders);
