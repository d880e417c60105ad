import { availableParallelism } from "node:os";
import { BaseSequencer, type TestSpecification } from "vitest/node";
import { defineConfig } from "vitest/config";

const long =
  /(conformance-\w+|conformance|power-cut|snapshot|slow-readers|process|crash|page|page-storm)\.test\.ts$/;

const isLong = ({ moduleId }: TestSpecification): boolean => long.test(moduleId);

/** What takes longest begins first, so that the run does not end with one file at a time. */
class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    // oxlint-disable-next-line unicorn/no-array-sort -- not an array's
    const sorted = await super.sort(files);
    return [...sorted.filter(isLong), ...sorted.filter((file) => !isLong(file))];
  }
}

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
    sequence: { sequencer: LongFirst },
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
