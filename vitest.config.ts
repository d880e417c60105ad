import { defineConfig } from "vitest/config";

export default defineConfig({
  // Import workspace packages from src/, so tests never see a stale build.
  ssr: { resolve: { conditions: ["@lazy/source", "module", "node"] } },
  test: {
    include: ["{packages,apps}/*/test/**/*.test.ts"],
    coverage: {
      provider: "v8",
      include: ["packages/*/src/**"],
      reporter: ["text-summary", "lcov"],
      // What runs in child processes (crashes, other runtimes) does not count.
      thresholds: { lines: 90, branches: 80 },
    },
  },
});
