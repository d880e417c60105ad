import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { runContractCase, storeContract } from "@lazy/fsqueue/testing";
import { describe, expect, test } from "vitest";
import { killedProcess } from "./fixtures/contract-subjects.mjs";

const run = promisify(execFile);
const contract = fileURLToPath(new URL("./fixtures/contract.mjs", import.meta.url));

describe("files of a process that is killed", () => {
  for (const one of storeContract.filter(({ needs }) => needs.includes("crash"))) {
    test(`${one.group}: ${one.name}`, async () => {
      await expect(runContractCase(one, killedProcess)).resolves.toBeUndefined();
    });
  }
});

describe("the contract on other runtimes", () => {
  const runtimes = (process.env["LAZY_RUNTIMES"] ?? "").split(",").filter((path) => path !== "");

  test.each(runtimes)("%s", { timeout: 60_000 }, async (runtime) => {
    const flags = runtime.endsWith("deno") ? ["run", "-A"] : [];
    const { stdout } = await run(runtime, [...flags, contract]).catch((error: unknown) => {
      // It failed: what it printed says where.
      return error as { stdout: string };
    });
    const { passed, failures } = JSON.parse(stdout) as Report;
    expect(failures).toEqual([]);
    expect(passed["memory"]).toBeGreaterThan(100);
    expect(passed["files"]).toBeGreaterThan(100);
  });

  test("are named by LAZY_RUNTIMES", (context) => {
    if (runtimes.length === 0 && process.env["CI"] !== "true") {
      context.skip("LAZY_RUNTIMES names no node, bun or deno to run the contract on");
    }
    expect(runtimes.length).toBeGreaterThan(0);
  });
});

interface Report {
  readonly passed: Readonly<Record<string, number>>;
  readonly failures: readonly string[];
}
