import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openFileStore } from "@lazy/fsqueue";
import { createManualClock, testStoreContract } from "@lazy/fsqueue/testing";
import { SimulatedDisk } from "./fixtures/simulated-disk.ts";
import { vitestRunner } from "./fixtures/vitest-runner.ts";

for (const durability of ["written", "synced"] as const) {
  testStoreContract(vitestRunner, {
    name: `file store, ${durability}`,
    provides: ["clock", "copy", "forks", "leases", "live", "restart"],
    async createHost() {
      const dir = await mkdtemp(join(tmpdir(), "fsqueue-"));
      const clock = createManualClock();
      const open = () => openFileStore({ dir, durability, clock });
      let store = await open();
      return {
        get store() {
          return store;
        },
        async restart() {
          await store.close();
          store = await open();
        },
        async advance(ms) {
          clock.advance(ms);
          await store.flush();
        },
        async close() {
          await store.close();
          await rm(dir, { recursive: true });
        },
      };
    },
  });
}

testStoreContract(vitestRunner, {
  name: "file store whose process dies",
  provides: ["clock", "forks", "leases", "restart", "crash"],
  async createHost() {
    const clock = createManualClock();
    let disk = new SimulatedDisk();
    const open = () => openFileStore({ dir: "/disk/store", clock, port: disk });
    let store = await open();
    return {
      get store() {
        return store;
      },
      async restart() {
        await store.close();
        store = await open();
      },
      async crash() {
        // The old store goes on writing, but to a disk that nobody will look at.
        disk = new SimulatedDisk({ image: disk.image() });
        store = await open();
      },
      async advance(ms) {
        clock.advance(ms);
        await store.flush();
      },
      close: () => store.close(),
    };
  },
});
