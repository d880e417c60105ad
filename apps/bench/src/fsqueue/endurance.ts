import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import { session } from "@lazy/context";
import { openQueues } from "@lazy/fsqueue";

/*
 * Does memory stay flat, and is the disk given back, while queues come and go for a long time?
 *
 * At any moment 1,000 sessions are open. Each streams messages of 200 B into its queue while a tail follows,
 * ends, and is replaced by another; its queue expires after a while. Usage, after a build:
 *
 *   node --expose-gc apps/bench/dist/fsqueue/endurance.js [--minutes 10] [--queues 1000] [--dir DIR]
 *
 * Prints a line for each half minute and exits 1 when it used more in the last third of the time than before.
 */

const { values: options } = parseArgs({
  options: {
    minutes: { type: "string", default: "10" },
    queues: { type: "string", default: "1000" },
    messages: { type: "string", default: "50" },
    ttl: { type: "string", default: "10" },
    /** Milliseconds between two messages of a queue. */
    pace: { type: "string", default: "100" },
    dir: { type: "string" },
    json: { type: "boolean", default: false },
  },
});
const minutes = Number(options.minutes);
const concurrent = Number(options.queues);
const messages = Number(options.messages);
const ttlMs = Number(options.ttl) * 1000;
const paceMs = Number(options.pace);

interface Sample {
  readonly seconds: number;
  readonly heapMiB: number;
  readonly rssMiB: number;
  readonly diskMiB: number;
  readonly queues: number;
  readonly sessions: number;
  readonly received: number;
}

const payload = "x".repeat(190);
const dir = await mkdtemp(join(options.dir ?? tmpdir(), "fsqueue-endurance-"));
const queues = await openQueues({ dir });
const reply = queues.queue<string>("reply", { ttlMs });
const start = Date.now();
const end = start + minutes * 60_000;
let sessions = 0;
let received = 0;

/** One session after the other, until the time is over. */
async function visitor(): Promise<void> {
  while (Date.now() < end) {
    const following = session.run(async () => {
      // A promise in an object: the session is not to wait for a tail that waits for the session.
      const tail = { seen: follow(reply.tail()) };
      for (let i = 0; i < messages; i++) {
        reply.tryEnqueue(payload);
        await delay(paceMs * (0.5 + Math.random()));
      }
      await reply.flush();
      return tail;
    });
    const seen = await (await following).seen;
    if (seen !== messages) throw new Error(`${seen} of ${messages} messages were received`);
    sessions += 1;
  }
}

async function follow(tail: AsyncIterable<unknown>): Promise<number> {
  let seen = 0;
  for await (const _ of tail) {
    seen += 1;
    received += 1;
  }
  return seen;
}

async function sample(): Promise<Sample> {
  globalThis.gc?.();
  const { heapUsed, rss } = process.memoryUsage();
  const stats = await queues.store.stats();
  return {
    seconds: Math.round((Date.now() - start) / 1000),
    heapMiB: heapUsed / 2 ** 20,
    rssMiB: rss / 2 ** 20,
    diskMiB: stats.diskBytes / 2 ** 20,
    queues: stats.queues,
    sessions,
    received,
  };
}

async function watch(): Promise<Sample[]> {
  const samples: Sample[] = [];
  const every = Math.min(30_000, (minutes * 60_000) / 8);
  for (;;) {
    await delay(Math.min(every, end - Date.now()));
    if (Date.now() >= end) return samples;
    const one = await sample();
    samples.push(one);
    console.log(options.json ? JSON.stringify(one) : line(one));
  }
}

function line(one: Sample): string {
  const columns = [
    `${one.seconds} s`,
    `heap ${one.heapMiB.toFixed(1)} MiB`,
    `rss ${one.rssMiB.toFixed(1)} MiB`,
    `disk ${one.diskMiB.toFixed(1)} MiB`,
    `${one.queues} queues`,
    `${one.sessions} sessions`,
    `${one.received} messages`,
  ];
  return columns.map((column) => column.padStart(17)).join(" ");
}

/** The last third's peak against that of the one before: what grows without bound grows between them. */
function growth(samples: readonly Sample[], of: (one: Sample) => number): number {
  const third = Math.floor(samples.length / 3);
  const peak = (part: readonly Sample[]): number => Math.max(...part.map(of));
  return peak(samples.slice(2 * third)) / peak(samples.slice(third, 2 * third));
}

// Not all at once: sessions are spread over their length.
const visitors = Array.from({ length: concurrent }, async (_, index) => {
  await delay((index / concurrent) * messages * paceMs);
  await visitor();
});
const [samples] = await Promise.all([watch(), ...visitors]);

// What is left expires: memory and disk go back.
await delay(ttlMs + 2000);
const last = await sample();
console.log(options.json ? JSON.stringify({ after: last }) : `${line(last)}   (all expired)`);
await queues.close();
await rm(dir, { recursive: true });

const verdicts = [
  { what: "heap", ratio: growth(samples, (one) => one.heapMiB), atMost: 1.1 },
  { what: "rss", ratio: growth(samples, (one) => one.rssMiB), atMost: 1.1 },
  // A saw: a segment of 64 MiB fills up and is given back once little of it is needed.
  {
    what: "disk at its peak, MiB",
    ratio: Math.max(...samples.map((one) => one.diskMiB)),
    atMost: 160,
  },
  { what: "queues left", ratio: last.queues, atMost: 0 },
  { what: "disk left, MiB", ratio: last.diskMiB, atMost: 4 },
];
for (const { what, ratio, atMost } of verdicts) {
  const flat = ratio <= atMost;
  console.log(
    options.json
      ? JSON.stringify({ what, ratio, atMost, flat })
      : `${what}: ${ratio.toFixed(2)} (at most ${atMost}): ${flat ? "ok" : "NOT FLAT"}`,
  );
}
process.exitCode = verdicts.every(({ ratio, atMost }) => ratio <= atMost) ? 0 : 1;
