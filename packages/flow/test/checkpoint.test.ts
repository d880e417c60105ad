import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type CheckpointLog, flow, FlowError, type FlowEvent } from "@lazy/flow";
import { expect, it, onTestFinished } from "vitest";
import { fileLog } from "./file-log.ts";

/** A fresh folder, gone after the test. */
function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "flow-checkpoint-"));
  onTestFinished(() => rmSync(path, { recursive: true }));
  return path;
}

const fixture = fileURLToPath(new URL("fixtures/checkpointed.mjs", import.meta.url));

const order = [
  "first",
  "a one",
  "a two",
  "b one",
  "b two",
  "llm",
  "round one",
  "round two",
  "round one",
  "round two",
  "last",
];

it.each(["a one", "llm", "round two", "last"])(
  "a run killed in %j goes on there, without running a finished step again",
  (killAt) => {
    const path = folder();
    const start = (kill: string) =>
      spawnSync(process.execPath, [fixture, join(path, "log"), join(path, "steps"), kill], {
        encoding: "utf8",
      });
    expect(start(killAt).signal).toBe("SIGKILL");
    const again = start("");
    expect(again.stderr).toBe("");
    expect(JSON.parse(again.stdout)).toEqual({ n: 12, first: 2, tokens: [8, 8] });
    const steps = readFileSync(join(path, "steps"), "utf8").trim().split("\n");
    expect(steps).toEqual(order);
    if (killAt !== "last") return;
    // And once more: everything is there already.
    expect(start("").stdout).toBe(again.stdout);
    expect(readFileSync(join(path, "steps"), "utf8").trim().split("\n")).toEqual(order);
  },
);

const steps = (fail: { now: boolean }, ran: string[]) =>
  flow<number>("job")
    .step("a", (n) => {
      ran.push("a");
      return n + 1;
    })
    .step((n) => {
      ran.push("unnamed");
      return n * 2;
    })
    .step("c", (n, { out }) => {
      ran.push("c");
      if (fail.now) throw new Error("not yet");
      return [n, out.a];
    });

it("several runs share a log; a failed one goes on, another starts anew", async () => {
  const log = fileLog(join(folder(), "log"));
  const fail = { now: true };
  const ran: string[] = [];
  const job = steps(fail, ran);
  await expect(job.run(1, { checkpoint: log, runId: "x" })).rejects.toThrow("not yet");
  fail.now = false;
  expect(await job.run(5, { checkpoint: log, runId: "y" })).toEqual([12, 6]);
  expect(await job.run(1, { checkpoint: log, runId: "x" })).toEqual([4, 2]);
  expect(ran).toEqual(["a", "unnamed", "c", "a", "unnamed", "c", "c"]);
});

it("hooks are told which outputs were there already", async () => {
  const log = fileLog(join(folder(), "log"));
  const fail = { now: true };
  const events: FlowEvent[] = [];
  const job = steps(fail, []).use({ event: (event) => events.push(event) });
  await expect(job.run(1, { checkpoint: log, runId: "x" })).rejects.toThrow("not yet");
  fail.now = false;
  events.length = 0;
  await job.run(1, { checkpoint: log, runId: "x" });
  expect(events.map(({ type, path }) => `${type} ${path.join("/")}`)).toEqual([
    "run-started ",
    "step-restored a",
    "step-restored step#1",
    "step-started c",
    "step-ended c",
    "run-ended ",
  ]);
});

it("a run of another flow's steps is CHECKPOINT_MISMATCH", async () => {
  const log = fileLog(join(folder(), "log"));
  await flow("f")
    .step("a", () => 1)
    .run(undefined, { checkpoint: log, runId: "x" });
  const changed = flow("f").step("b", () => 1);
  await expect(changed.run(undefined, { checkpoint: log, runId: "x" })).rejects.toMatchObject({
    code: "CHECKPOINT_MISMATCH",
  });
});

it("a log that cannot be read or written is CHECKPOINT_FAILED with its cause", async () => {
  const cause = new Error("disk full");
  const good = fileLog(join(folder(), "log"));
  const unreadable: CheckpointLog = { ...good, read: () => Promise.reject(cause) };
  let writes = 0;
  const unwritable: CheckpointLog = {
    ...good,
    enqueue: () => ((writes += 1) > 1 ? Promise.reject(cause) : undefined),
  };
  for (const checkpoint of [unreadable, unwritable]) {
    const running = flow("f")
      .step("a", () => 1)
      .run(undefined, { checkpoint, runId: "x" });
    const error = (await running.catch((thrown: unknown) => thrown)) as FlowError;
    expect(error).toMatchObject({ code: "CHECKPOINT_FAILED", cause });
  }
});
