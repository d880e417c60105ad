import type { Question } from "../harness.ts";
import { Client } from "./client.ts";
import { BenchServer } from "./server.ts";

// Can a clock tell what an answer hides? Whoever is refused must not learn whether the queue is there.

const kinds = ["refused, there", "refused, missing", "allowed, missing"] as const;
type Kind = (typeof kinds)[number];

/** All are equally long, as are the requests. The server of kind `guarded` refuses those with an `r`. */
const queueOf: Readonly<Record<Kind, string>> = {
  "refused, there": "r-queue-1",
  "refused, missing": "r-queue-2",
  "allowed, missing": "a-queue-3",
};

/** Median microseconds from request to answer, by kind, of about as many of each in an order of chance. */
async function timeRefusals(client: Client, count: number): Promise<Map<Kind, number>> {
  const taken = new Map<Kind, number[]>(kinds.map((kind) => [kind, []]));
  for (let n = 0; n < count * kinds.length; n++) {
    // By turns a kind would always follow the same others, and be told from them by that.
    const kind = kinds[Math.floor(Math.random() * kinds.length)]!;
    const start = performance.now();
    const { status } = await client.request("GET", `${queueOf[kind]}?offset=-1`);
    taken.get(kind)!.push((performance.now() - start) * 1000);
    if (status !== 404) throw new Error(`GET of a queue ${kind} answered ${status}.`);
  }
  return new Map(kinds.map((kind) => [kind, medianOf(taken.get(kind)!)]));
}

function medianOf(values: readonly number[]): number {
  return values.toSorted((left, right) => left - right)[Math.floor(values.length / 2)]!;
}

/** A refusal's time is no news of the queue, and little of the right. */
export const refusals: Question = {
  name: "http/refusal-timing",
  unit: "µs (median)",
  rounds: 25,
  targets: [
    { subject: "refused, there", rival: "refused, missing", atMost: 1.05 },
    { subject: "refused, missing", rival: "refused, there", atMost: 1.05 },
    { subject: "refused, missing", rival: "allowed, missing", atMost: 1.5 },
    { subject: "allowed, missing", rival: "refused, missing", atMost: 1.5 },
  ],
  async contenders({ smoke }) {
    const server = await BenchServer.start("guarded");
    const client = new Client(server.port);
    await client.create(queueOf["refused, there"]);
    for (let n = 0; n < 10; n++) await client.append(queueOf["refused, there"], "x".repeat(10_000));
    // One run gives the figures of all; each contender takes its own.
    const figures = new Map<Kind, number>();
    return kinds.map((kind, index) => ({
      name: kind,
      async sample() {
        if (!figures.has(kind)) {
          const times = await timeRefusals(client, smoke ? 20 : 400);
          for (const [timed, figure] of times) figures.set(timed, figure);
        }
        const figure = figures.get(kind)!;
        figures.delete(kind);
        return figure;
      },
      async close() {
        if (index > 0) return;
        client.close();
        await server.stop();
      },
    }));
  },
};
