import type { Contender, Question } from "../harness.ts";
import { openLazyLog } from "./lazy-log.ts";
import type { LiveLog, OpenLiveLog } from "./live-log.ts";
import { openLmdbLog } from "./lmdb-log.ts";
import { Reception, createMessage, numberMessage } from "./message.ts";
import { openRedisLog } from "./redis-log.ts";
import { withRedis } from "./rivals.ts";
import { inScratch } from "./scratch.ts";

const STREAMS = 1000;
const PER_SECOND = 50_000;
/** So long the load is there before it is counted: until the engine has optimised what a server runs for days. */
const WARM_UP_MS = 500;
const subject = "@lazy/fsqueue";

interface Paced {
  /** From when a message was due until it was acknowledged as synced; the 99th percentile, in milliseconds. */
  readonly p99: number;
  /** CPU time of this process, its threads included, for a second of the load; in milliseconds. */
  readonly cpu: number;
}

const contender = (
  smoke: boolean,
  name: string,
  openLog: OpenLiveLog,
  figure: keyof Paced,
): Contender => ({
  name,
  rival: name !== subject,
  sample: () =>
    inScratch(async (dir) => {
      const log = await openLog({ dir, streams: STREAMS, durability: "synced" });
      try {
        return (await pace(log, smoke ? 100 : 2000))[figure];
      } finally {
        await log.close();
      }
    }),
});

/** 50,000 messages a second, over 1,000 streams in turn, with a reader on each. */
export const pacedLatency: Question = {
  name: "fsqueue/paced-50000-ack-p99",
  unit: "ms",
  rounds: 7,
  targets: [{ subject, rival: "Redis, always", atMost: 1 / 8 }],
  contenders: async (options) => [
    contender(options.smoke, subject, openLazyLog, "p99"),
    contender(options.smoke, "lmdb", openLmdbLog, "p99"),
    ...(await withRedis(options, "Redis, always", () =>
      contender(options.smoke, "Redis, always", openRedisLog, "p99"),
    )),
  ],
};

export const pacedCpu: Question = {
  name: "fsqueue/paced-50000-cpu",
  unit: "ms CPU per s",
  rounds: 7,
  targets: [{ subject, rival: "lmdb", atMost: 0.65 }],
  contenders: ({ smoke }) => [
    contender(smoke, subject, openLazyLog, "cpu"),
    contender(smoke, "lmdb", openLmdbLog, "cpu"),
  ],
};

async function pace(log: LiveLog, milliseconds: number): Promise<Paced> {
  const before = (PER_SECOND * WARM_UP_MS) / 1000;
  const counted = (PER_SECOND * milliseconds) / 1000;
  const total = before + counted;
  const receptions = Array.from(
    { length: STREAMS },
    (_, stream) => new Reception(stream, total / STREAMS),
  );
  const followed = receptions.map((reception, stream) =>
    log.follow(stream, (message) => reception.take(message)),
  );
  const latencies = new Float64Array(total);
  let cpu = process.cpuUsage();
  await send(log, latencies, (number) => {
    if (number === before) cpu = process.cpuUsage();
  });
  await Promise.all(followed);
  const { user, system } = process.cpuUsage(cpu);
  for (const reception of receptions) reception.end();
  const sorted = latencies.slice(before).toSorted();
  return {
    p99: sorted[Math.floor(counted * 0.99)]!,
    cpu: ((user + system) / counted) * (PER_SECOND / 1000),
  };
}

/** What is due is sent each millisecond, acknowledged or not; who falls behind has the delay counted. */
function send(
  log: LiveLog,
  latencies: Float64Array,
  sending: (number: number) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const total = latencies.length;
    const start = performance.now();
    let sent = 0;
    let acknowledged = 0;
    const sendOne = async (number: number): Promise<void> => {
      const due = start + (number * 1000) / PER_SECOND;
      const stream = number % STREAMS;
      const message = numberMessage(createMessage(stream), Math.floor(number / STREAMS));
      sending(number);
      await log.append(stream, message);
      latencies[number] = performance.now() - due;
      acknowledged += 1;
      if (acknowledged === total) resolve();
    };
    const tick = (): void => {
      const due = Math.min(total, ((performance.now() - start) * PER_SECOND) / 1000);
      while (sent < due) sendOne(sent++).catch(reject);
      if (sent < total) setTimeout(tick, 1);
    };
    tick();
  });
}
