import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";

const run = promisify(execFile);
const contract = fileURLToPath(new URL("./fixtures/contract.mjs", import.meta.url));
const runtimes = (process.env["LAZY_RUNTIMES"] ?? "").split(",").filter((path) => path !== "");

interface Report {
  readonly passed: Readonly<Record<string, number>>;
  readonly failures: readonly string[];
}

// The built package, as a user's process would have it: memory, files, files read from a second process,
// and files of a process that is killed.
describe("the contract", () => {
  test.each([process.execPath, ...runtimes])("holds on %s", async (runtime) => {
    const flags = runtime.endsWith("deno") ? ["run", "-A"] : [];
    const { stdout } = await run(runtime, [...flags, contract]).catch((error: unknown) => {
      // It failed: what it printed says where.
      return error as { stdout: string };
    });
    const { passed, failures } = JSON.parse(stdout) as Report;
    expect(failures).toEqual([]);
    expect(passed["memory"]).toBeGreaterThan(100);
    expect(passed["files"]).toBeGreaterThan(100);
    expect(passed["files read from a second process"]).toBeGreaterThan(100);
    expect(passed["queues"]).toBe(4);
    expect(passed["files of a process that is killed"]).toBeGreaterThan(4);
  });

  test("is run on the runtimes that LAZY_RUNTIMES names", (context) => {
    if (runtimes.length === 0 && process.env["CI"] !== "true") {
      context.skip("LAZY_RUNTIMES names no node, bun or deno");
    }
    expect(runtimes.length).toBeGreaterThan(0);
  });
});
