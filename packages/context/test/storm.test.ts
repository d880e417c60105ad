import { execFile } from "node:child_process";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const storm = fileURLToPath(new URL("fixtures/storm.mjs", import.meta.url));
const others = (process.env["LAZY_RUNTIMES"] ?? "").split(",").filter((path) => path !== "");

/** Runs the built package under a runtime: Node, Bun or Deno. */
async function run(runtime: string): Promise<unknown> {
  const options = basename(runtime).startsWith("deno") ? ["run", "-A"] : [];
  const { stdout } = await promisify(execFile)(runtime, [...options, storm]);
  return JSON.parse(stdout);
}

const none = { sessions: 1000, wrong: 0, first: [] };

test("1,000 sessions whose generators interleave see no wrong context, nor touch a foreign one", async () => {
  expect(await run(process.execPath)).toMatchObject(none);
});

test("other runtimes are named, or there is no CI to rely on it", () => {
  if (others.length === 0) console.log("Other runtimes: skipped; set LAZY_RUNTIMES=path,path.");
  expect(others.length > 0 || process.env["CI"] !== "true").toBe(true);
});

test.for(others)("the same under %s", async (runtime) => {
  expect(await run(runtime)).toMatchObject(none);
});
