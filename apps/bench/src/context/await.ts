import { AsyncLocalStorage } from "node:async_hooks";
import { defineGlobals, session } from "@lazy/context";
import { nanosecondsPerAwait, type Question } from "../harness.ts";
import { steady } from "./steady.ts";

const awaits = 100_000;

async function awaiting(n: number): Promise<void> {
  // oxlint-disable-next-line no-unnecessary-await, await-thenable -- the await itself is what is measured
  for (let i = 0; i < n; i++) await null;
}

function measure(): Promise<number> {
  return nanosecondsPerAwait(awaits, awaiting);
}

/** What an `await` costs inside a session, by the number of independent sets of globals in use. */
export const awaitCost: Question = {
  name: "context/await",
  unit: "ns",
  rounds: 25,
  targets: [
    { subject: "8 sets", rival: "1 set", atMost: 1.1, node: { from: 24 } },
    { subject: "20 sets", rival: "1 set", atMost: 1.1, node: { from: 24 } },
    { subject: "8 sets", rival: "8 separate storages", atMost: 0.4, node: { below: 24 } },
  ],
  contenders: () =>
    steady([
      ...[1, 8, 20].map((count) => {
        const sets = Array.from({ length: count }, () => defineGlobals({ value: 0 }));
        return {
          name: `${count} ${count === 1 ? "set" : "sets"}`,
          sample: () =>
            session.run(() => {
              for (const set of sets) set.value = 1;
              return measure();
            }),
        };
      }),
      ...[1, 8, 20].map((count) => {
        const storages = Array.from(
          { length: count },
          () => new AsyncLocalStorage<{ value: number }>(),
        );
        return {
          name: `${count} separate ${count === 1 ? "storage" : "storages"}`,
          async sample() {
            const result = await storages.reduceRight(
              (inner, storage) => () => storage.run({ value: 1 }, inner),
              measure,
            )();
            // An enabled storage makes every await of the process dearer on Node 20, those of others too.
            for (const storage of storages) storage.disable();
            return result;
          },
        };
      }),
    ]),
};
