import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";

export default defineConfig({
  // Import workspace packages from src/, so tests never see a stale build; all others as Node itself would
  // (without vite's "module" condition, which @opentelemetry/api answers with files Node cannot load).
  ssr: { resolve: { conditions: ["@lazy/source", "node"] } },
  test: {
    include: ["{packages,apps}/*/test/**/*.test.ts"],
    // Waiting costs nothing when all is well, and a machine may be busy with something else.
    testTimeout: 120_000,
    hookTimeout: 60_000,
    // Most of their time the tests wait: for a disk, a client, a child that is killed.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    expect: { poll: { timeout: 10_000 } },
    coverage: {
      provider: "v8",
      include: ["packages/*/src/**"],
      reporter: ["text-summary", "lcov"],
      // What runs in child processes (crashes, other runtimes) does not count.
      thresholds: { lines: 90, branches: 80 },
    },
  },
});
