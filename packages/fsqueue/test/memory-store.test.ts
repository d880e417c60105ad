import { createMemoryStore } from "@lazy/fsqueue";
import { createManualClock, testStoreContract } from "@lazy/fsqueue/testing";
import { vitestRunner } from "./fixtures/vitest-runner.ts";

testStoreContract(vitestRunner, {
  name: "memory store",
  provides: ["clock", "forks", "leases", "live"],
  async createHost() {
    const clock = createManualClock();
    const store = createMemoryStore({ clock });
    return { store, advance: (ms) => clock.advance(ms), close: () => store.close() };
  },
});
