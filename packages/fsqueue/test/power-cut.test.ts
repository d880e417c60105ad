import type { ManualClock } from "@lazy/fsqueue/testing";
import { describe, expect, it } from "vitest";
import { portWith } from "./fixtures/port-with.ts";
import { type PowerCutOptions, cutPowerEverywhere } from "./fixtures/power-cut.ts";
import { randomWorkload } from "./fixtures/random-workload.ts";
import { forgeChecksums } from "./fixtures/segment-bytes.ts";
import { FOLDER } from "./fixtures/simulated-disk.ts";
import type { TrackedStore } from "./fixtures/tracked-store.ts";

// A loaded machine is slow, not wrong.

/** Several queues at once: batches, producers, trims, cursors, seals with last messages, removals. */
async function mixed(tracked: TrackedStore): Promise<void> {
  await Promise.all(["a", "b", "gone"].map((name) => tracked.open(name)));
  for (let round = 0; round < 6; round += 1) {
    const filler = "x".repeat(round * 130);
    await Promise.all([
      tracked.append("a", [`a${round}-1${filler}`, `a${round}-2`]),
      tracked.append("a", [`a${round}-3`]),
      tracked.append("b", [`b${round}`], {
        producer: { id: "p", epoch: 0, sequence: round },
        durable: round % 3 === 2,
      }),
      round > 4 ? undefined : tracked.append("gone", [`g${round}`]),
    ]);
    if (round === 2) await tracked.trim("a");
    if (round === 3) {
      const { next } = await tracked.store.read("b", "now");
      await tracked.setCursor("b", next);
    }
    if (round === 4) await tracked.remove("gone");
    if (round === 4) await tracked.open("late");
  }
  await tracked.append("late", ["l1"], { durable: true });
  await tracked.seal("late", { status: "ok" }, ["l2", "l3"]);
  await tracked.seal("a", { status: "error", message: "m" }, ["last"]);
  await tracked.append("b", [`end${"y".repeat(3000)}`]);
}

/** Queues come and go while others stay: segments are emptied, copied and deleted all the time. */
async function churning(tracked: TrackedStore, clock: ManualClock): Promise<void> {
  await tracked.open("stays");
  for (let round = 0; round < 8; round += 1) {
    const name = `short${round}`;
    await tracked.open(name);
    await tracked.append("stays", [`s${round}`], { durable: true });
    for (let n = 0; n < 4; n += 1) await tracked.append(name, [`${n}${"z".repeat(700)}`]);
    if (round === 5) await tracked.trim("stays");
    if (round > 1) await tracked.remove(`short${round - 2}`);
    clock.advance(1000);
    await tracked.store.flush();
  }
}

describe("power cuts", () => {
  it("keep every promise while segments are copied and deleted", async () => {
    const options = { durability: "written", seed: 3, segmentBytes: 2000 } as const;
    const result = await cutPowerEverywhere({ ...options, workload: churning });
    expect(result.broken).toEqual([]);
    expect(result.images).toBeGreaterThan(1000);
  });

  it("keep every promise while snapshots are written and segments deleted", async () => {
    const result = await cutPowerEverywhere({
      durability: "written",
      seed: 5,
      segmentBytes: 2000,
      indexBytes: 0,
      async workload(tracked, time) {
        await tracked.open("stays");
        for (let round = 0; round < 5; round += 1) {
          await tracked.open(`short${round}`);
          await tracked.append("stays", [`s${round}`], { durable: true });
          for (let n = 0; n < 5; n += 1)
            await tracked.append(`short${round}`, [`${n}${"z".repeat(600)}`]);
          if (round > 1) await tracked.remove(`short${round - 2}`);
          time.advance(1000);
          await tracked.store.flush();
        }
      },
    });
    expect(result.broken).toEqual([]);
    expect(result.images).toBeGreaterThan(500);
  });

  for (const durability of ["written", "synced"] as const) {
    for (const segmentBytes of [64 << 20, 2000]) {
      it(`keep every promise: ${durability}, segments of ${segmentBytes} bytes`, async () => {
        const options = { durability, seed: 7, segmentBytes, workload: mixed };
        const result = await cutPowerEverywhere(options);
        expect(result.broken).toEqual([]);
        expect(result.images).toBeGreaterThan(500);
      });
    }
  }

  for (const seed of [1, 2, 3]) {
    it(`keep every promise of a random workload: seed ${seed}`, async () => {
      const durability = seed % 2 === 0 ? "synced" : "written";
      const workload = randomWorkload(seed, 20);
      const result = await cutPowerEverywhere({ durability, seed, segmentBytes: 3000, workload });
      expect(result.broken).toEqual([]);
      expect(result.images).toBeGreaterThan(300);
    });
  }
});

describe("the simulator", () => {
  const mutants: Record<string, Pick<PowerCutOptions, "mutate" | "damage">> = {
    "a journal that does not sync files": {
      mutate: (port) => portWith(port, { sync: async () => {} }),
    },
    "a journal that does not sync folders": {
      mutate: (port) => portWith(port, { syncFolder: async () => {} }),
    },
    "a journal without checksums": {
      damage: (image) =>
        new Map(
          [...image].map(([path, entry]) => [
            path,
            entry === FOLDER ? FOLDER : forgeChecksums(entry),
          ]),
        ),
    },
  };
  for (const [name, mutant] of Object.entries(mutants)) {
    it(`catches ${name}`, async () => {
      const options = {
        durability: "synced",
        seed: 7,
        segmentBytes: 2000,
        workload: mixed,
      } as const;
      const { broken } = await cutPowerEverywhere({ ...options, ...mutant });
      expect(broken.length).toBeGreaterThan(0);
    });
  }
});
