import type { Question, Target } from "../harness.ts";
import { Client } from "./client.ts";
import { faultQuestions } from "./faults.ts";
import { refusals } from "./refusals.ts";
import * as scenarios from "./scenarios.ts";
import { BenchServer, type ServerKind } from "./server.ts";

/** The reference is `@durable-streams/server` 0.3.7 with a folder. */
function beside(
  name: string,
  unit: string,
  target: Pick<Target, "atLeast" | "atMost">,
  scenario: (client: Client, size: number) => Promise<number>,
  sizes: { readonly full: number; readonly smoke: number },
): Question {
  return {
    name: `http/${name}`,
    unit,
    rounds: 7,
    targets: [{ subject: "lazy", rival: "reference", ...target }],
    contenders: ({ smoke }) =>
      Promise.all(
        (["lazy", "reference"] satisfies ServerKind[]).map(async (kind) => {
          const server = await BenchServer.start(kind);
          const client = new Client(server.port);
          return {
            name: kind,
            rival: kind === "reference",
            sample: () => scenario(client, smoke ? sizes.smoke : sizes.full),
            async close() {
              client.close();
              await server.stop();
            },
          };
        }),
      ),
  };
}

/** All about `@lazy/http`. */
export const questions: readonly Question[] = [
  // So many that the warm-up round has warmed both servers: with 300 most of a run was their compiling.
  beside("append, one after the other", "appends/s", { atLeast: 2.5 }, scenarios.appendOneByOne, {
    full: 1000,
    smoke: 20,
  }),
  beside("append, 64 at once to one queue", "appends/s", { atLeast: 15 }, scenarios.appendToOne, {
    full: 1500,
    smoke: 64,
  }),
  beside("append, 100 queues at once", "appends/s", { atLeast: 4 }, scenarios.appendToHundred, {
    full: 3000,
    smoke: 200,
  }),
  beside("catch-up of 1 MB of 100-byte messages", "MB/s", { atLeast: 6 }, scenarios.catchUpText, {
    full: 10_000,
    smoke: 200,
  }),
  beside("catch-up of 20,000 JSON messages", "messages/s", {}, scenarios.catchUpJson, {
    full: 20_000,
    smoke: 200,
  }),
  beside("live tail, time to the reader", "ms (median)", { atMost: 0.3 }, scenarios.tailLatency, {
    full: 300,
    smoke: 20,
  }),
  beside("live tail, 50 readers of one queue", "messages/s", { atLeast: 15 }, scenarios.fanOut, {
    full: 100,
    smoke: 5,
  }),
  refusals,
  ...faultQuestions,
];
