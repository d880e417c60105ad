import { createMemoryStore } from "@lazy/fsqueue"; // yours here
import { runContractCase, storeContract } from "@lazy/fsqueue/testing";

const subject = {
  name: "my store",
  provides: ["forks", "leases"] as const, // it has no clock to move, and cannot be restarted
  async createHost() {
    const store = createMemoryStore();
    return { store, close: () => store.close() };
  },
};

for (const one of storeContract) {
  if (one.needs.some((need) => !subject.provides.some((other) => other === need))) continue;
  await runContractCase(one, subject); // rejects when a promise is broken
}
console.log("all kept"); // prints all kept
