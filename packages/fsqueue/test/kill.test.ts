import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { type Store, openFileStore } from "@lazy/fsqueue";
import { expect, it } from "vitest";
import { textsOf } from "./fixtures/check-promises.ts";

const KILLS = 30;
const queues = ["a", "b/c", "../d"];

interface Acknowledged {
  /** The number of the last message of each queue. */
  readonly last: Map<string, number>;
  readonly sealed: Set<string>;
  readonly removed: Set<string>;
}

it(`${KILLS} writers killed at random moments lose and double nothing`, async () => {
  const dir = await mkdtemp(join(tmpdir(), "fsqueue-"));
  const next: Record<string, number> = Object.fromEntries(queues.map((name) => [name, 0]));
  for (let round = 0; round < KILLS; round += 1) {
    const durability = round % 3 === 0 ? "synced" : "written";
    const acknowledged = await writeUntilKilled(
      dir,
      durability,
      round,
      next,
      20 + 15 * (round % 7),
    );
    const store = await openFileStore({ dir, segmentBytes: 64 << 10 });
    await check(store, acknowledged);
    for (const name of queues) next[name] = 1 + (await lastOf(store, name));
    await store.close();
  }
  expect(Object.values(next).every((n) => n > 0)).toBe(true);
  await rm(dir, { recursive: true });
});

/** Kill the writer after it has acknowledged so many things. */
async function writeUntilKilled(
  dir: string,
  durability: string,
  round: number,
  next: Record<string, number>,
  count: number,
): Promise<Acknowledged> {
  const program = join(import.meta.dirname, "fixtures/append-forever.mjs");
  const args = [program, dir, durability, String(round), JSON.stringify(next)];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  const acknowledged: Acknowledged = { last: new Map(), sealed: new Set(), removed: new Set() };
  let lines = 0;
  for await (const line of createInterface({ input: child.stdout })) {
    const [what = "", which = ""] = line.split(" ");
    if (what === "sealed") acknowledged.sealed.add(which);
    else if (what === "removed") acknowledged.removed.add(which);
    else acknowledged.last.set(what, Number(which));
    lines += 1;
    if (lines === count) child.kill("SIGKILL");
  }
  if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  expect(child.signalCode).toBe("SIGKILL");
  return acknowledged;
}

async function check(store: Store, { last, sealed, removed }: Acknowledged): Promise<void> {
  for (const name of queues) {
    const texts = await textsOf(store, name);
    const numbers = texts
      .filter((text) => !text.endsWith(":2"))
      .map((text) => Number(text.split(":")[1]));
    expect(numbers).toEqual(numbers.map((_, at) => at));
    expect(numbers.at(-1) ?? -1).toBeGreaterThanOrEqual(last.get(name) ?? -1);
    expect(new Set(texts).size).toBe(texts.length);
  }
  for (const name of sealed) {
    const info = await store.info(name);
    if (info === undefined) continue;
    expect(info.ending).toEqual({ status: "ok" });
    expect(await textsOf(store, name)).toEqual(["a".repeat(500), "b", "c"]);
  }
  for (const name of removed) expect(await store.info(name)).toBeUndefined();
}

async function lastOf(store: Store, name: string): Promise<number> {
  const texts = (await textsOf(store, name)).filter((text) => !text.endsWith(":2"));
  return texts.length === 0 ? -1 : Number(texts.at(-1)?.split(":")[1]);
}
