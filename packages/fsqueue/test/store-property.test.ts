import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createMemoryStore, openFileStore, type Store } from "@lazy/fsqueue";
import fc from "fast-check";
import { expect, test } from "vitest";
import { Comparison } from "./fixtures/store-comparison.ts";
import { steps } from "./fixtures/store-steps.ts";

// Longer than they take, for machines that have much else to do.

test("the memory store gives what the model gives, for any calls", async () => {
  const property = fc.asyncProperty(steps, async (calls) => {
    const store = createMemoryStore();
    const comparison = new Comparison();
    for (const step of calls) await comparison.take(step, store);
    await comparison.all(store);
    await store.close();
  });
  await expect(fc.assert(property, { numRuns: 3000 })).resolves.toBeUndefined();
});

test("the file store gives what the model gives, for any calls, over restarts", async () => {
  const root = await mkdtemp(join(tmpdir(), "fsqueue-"));
  let run = 0;
  const property = fc.asyncProperty(steps, fc.boolean(), async (calls, small) => {
    const dir = join(root, `${run++}`);
    // Small segments and hardly any memory, so that reads go to the files.
    const sizes = small ? { segmentBytes: 4096, memoryBytes: 1024 } : {};
    const open = (): Promise<Store> => openFileStore({ dir, ...sizes });
    let store = await open();
    const comparison = new Comparison();
    for (const step of calls) {
      if (step.kind === "restart") {
        await store.close();
        store = await open();
      } else await comparison.take(step, store);
    }
    await comparison.all(store);
    await store.close();
    store = await open();
    await comparison.all(store);
    await store.close();
  });
  try {
    await expect(fc.assert(property, { numRuns: 60 })).resolves.toBeUndefined();
  } finally {
    await rm(root, { recursive: true });
  }
});
