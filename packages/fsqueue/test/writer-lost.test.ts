import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { session } from "@lazy/context";
import { openQueues } from "@lazy/fsqueue";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { collect, valuesOf } from "./fixtures/temporary.ts";

// Longer than they take, for machines that have much else to do.

const writer = fileURLToPath(new URL("./fixtures/session-writer.mjs", import.meta.url));
let dir = "";
let child: ChildProcess | undefined;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "fsqueue-lost-"));
});

afterEach(async () => {
  child?.kill("SIGKILL");
  await rm(dir, { recursive: true });
});

/** Starts a writer and kills it once it has acknowledged `count` messages; resolves with how many it had. */
async function writeAndDie(count: number, meanwhile: () => Promise<void> = async () => {}) {
  const started = spawn(process.execPath, [writer, dir], { stdio: ["ignore", "pipe", "inherit"] });
  child = started;
  let acknowledged = 0;
  for await (const line of createInterface({ input: started.stdout })) {
    acknowledged = Number(line) + 1;
    if (acknowledged === 1) await meanwhile();
    if (acknowledged >= count) started.kill("SIGKILL");
  }
  if (started.exitCode === null && started.signalCode === null) await once(started, "exit");
  return acknowledged;
}

const numbers = (count: number) => Array.from({ length: count }, (_, i) => i);

describe("a writer that is killed", () => {
  test("is told as WRITER_LOST after what it wrote, once its folder is opened again", async () => {
    const acknowledged = await writeAndDie(10);
    await using queues = await openQueues({ dir });
    const reply = queues.session("ada").queue<number>("reply");
    const seen: number[] = [];
    const reading = (async () => {
      for await (const message of reply.tail()) seen.push(message.value);
    })();
    await expect(reading).rejects.toMatchObject({
      code: "WRITER_LOST",
      details: { ending: { status: "aborted", code: "WRITER_LOST" } },
    });
    expect(seen.length).toBeGreaterThanOrEqual(acknowledged);
    expect(seen).toEqual(numbers(seen.length));
  });

  test("leaves its queue to a process that claims it", async () => {
    const acknowledged = await writeAndDie(5);
    await using queues = await openQueues({ dir, claim: ({ name }) => name === "ada/reply" });
    const reply = queues.queue<number>("reply");
    await session.run({ id: "ada" }, async () => {
      const there = valuesOf((await reply.read()).messages);
      expect(there.length).toBeGreaterThanOrEqual(acknowledged);
      await reply.enqueueMany([there.length, there.length + 1]);
    });
    const all = await collect(queues.session("ada").queue<number>("reply").tail());
    expect(all).toEqual(numbers(all.length));
  });

  test("ends the tail of a reader in another process, which saw it live", async () => {
    let reading: Promise<void> = Promise.resolve();
    const seen: number[] = [];
    let closeReader = async () => {};
    const acknowledged = await writeAndDie(20, async () => {
      const queues = await openQueues({ dir, readonly: true });
      closeReader = () => queues.close();
      reading = (async () => {
        for await (const message of queues.session("ada").queue<number>("reply").tail()) {
          seen.push(message.value);
        }
      })();
      reading.catch(() => {});
    });
    await expect.poll(() => seen.length).toBeGreaterThanOrEqual(acknowledged);
    await using next = await openQueues({ dir });
    await expect(reading).rejects.toMatchObject({ code: "WRITER_LOST" });
    expect(seen).toEqual(numbers(seen.length));
    expect(await next.session("ada").queue("reply").size()).toBe(seen.length);
    await closeReader();
  });
});

test("a reader in another process can do nothing but read", async () => {
  await using queues = await openQueues({ dir });
  const queue = queues.session("s").queue<number>("q");
  await queue.enqueueMany([1, 2]);
  await using reader = await openQueues({ dir, readonly: true });
  const same = reader.session("s").queue<number>("q");
  expect(valuesOf((await same.read()).messages)).toEqual([1, 2]);
  for (const call of [
    () => same.enqueue(3),
    () => same.dequeue(1),
    () => same.seal(),
    () => same.delete(),
  ]) {
    await expect(call()).rejects.toMatchObject({ code: "STORE_READONLY" });
  }
  same.tryEnqueue(4);
  await expect(same.flush()).rejects.toMatchObject({ code: "STORE_READONLY" });
});
