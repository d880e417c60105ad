import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Store, openFileStore } from "@lazy/fsqueue";
import { createManualClock } from "@lazy/fsqueue/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { textsOf } from "./fixtures/check-promises.ts";
import { readSegment } from "./fixtures/segment-bytes.ts";
import { type DiskImage, SimulatedDisk, systemError } from "./fixtures/simulated-disk.ts";

// A loaded machine is slow, not wrong.

const clock = createManualClock();
let dir = "";
let store: Store;

async function open(): Promise<void> {
  store = await openFileStore({ dir, segmentBytes: 20_000, clock, memoryBytes: 0 });
}

async function reopen(): Promise<void> {
  await store.close();
  await open();
}

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "fsqueue-"));
  await open();
});
afterEach(async () => {
  await store.close();
  await rm(dir, { recursive: true });
});

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const segments = async (): Promise<string[]> => readdir(join(dir, "lane-000001"));

async function fill(name: string, count: number, size = 1000): Promise<string[]> {
  const texts = Array.from({ length: count }, (_, n) => `${name}${n}`.padEnd(size, "."));
  for (const text of texts) await store.append(name, [bytes(text)]);
  return texts;
}

/** Let the store look through its segments until this many are left. */
async function shrinksTo(count: number): Promise<void> {
  await expect
    .poll(
      async () => {
        clock.advance(1000);
        await store.flush();
        return (await segments()).length;
      },
      { timeout: 5000 },
    )
    .toBeLessThanOrEqual(count);
}

describe("segments are given back", () => {
  it("when their queues are removed", async () => {
    for (let round = 0; round < 5; round += 1) {
      await store.open(`q${round}`);
      await fill(`q${round}`, 40);
      await store.remove(`q${round}`);
    }
    await shrinksTo(2);
    await reopen();
    expect((await store.stats()).queues).toBe(0);
    expect((await store.stats()).diskBytes).toBeLessThan(50_000);
  });

  it("when their messages are trimmed; the queue keeps all else it had", async () => {
    await store.open("q", { metadata: { a: "1" }, maxMessages: 1000, owned: true });
    const producer = { id: "p", epoch: 3, sequence: 0 };
    const { offset } = await store.append("q", [bytes("first")], { producer, order: "5" });
    await store.cursors.set("q", "group", offset);
    await store.leases?.acquire("q", "g", { max: 1, visibilityMs: 60_000, maxDeliveries: 3 });
    await fill("q", 100);
    const before = await store.info("q");
    await store.trim("q", "now");
    await shrinksTo(2);
    await reopen();
    const after = await store.info("q");
    expect(after).toEqual({ ...before, head: before?.tail, messages: 0, bytes: 0 });
    expect((await store.append("q", [bytes("x")], { producer })).duplicate).toBe(true);
    await expect(store.append("q", [bytes("x")], { order: "4" })).rejects.toMatchObject({
      code: "ORDER_CONFLICT",
    });
    expect(await store.cursors.get("q", "group")).toBe(offset);
    expect((await store.append("q", [bytes("y")])).offset > (before?.tail ?? "")).toBe(true);
  });

  it("when little of them is left: that is copied", async () => {
    await store.open("rare");
    await store.open("busy");
    const rare: string[] = [];
    for (let round = 0; round < 10; round += 1) {
      rare.push(...(await fill("rare", 1)));
      await fill("busy", 20);
    }
    const times = (await store.read("rare", "start")).messages.map(({ time }) => time);
    await store.remove("busy");
    await shrinksTo(2);
    expect(await textsOf(store, "rare")).toEqual(rare);
    await reopen();
    expect(await textsOf(store, "rare")).toEqual(rare);
    const { messages } = await store.read("rare", "start");
    expect(messages.map(({ time }) => time)).toEqual(times);
  });

  it("and none is lost when the process dies while they are copied", async () => {
    const images: DiskImage[] = [];
    let copying = false;
    const disk: SimulatedDisk = new SimulatedDisk({
      onOperation(operation) {
        if (copying && operation === "write") images.push(disk.image());
      },
    });
    const options = { dir: "/disk/store", segmentBytes: 20_000, memoryBytes: 0, clock, port: disk };
    const written = await openFileStore(options);
    await written.open("rare");
    await written.open("busy");
    const rare: string[] = [];
    for (let n = 0; n < 100; n += 1) {
      if (n % 15 === 0) rare.push(`${n}`.padEnd(500));
      if (n % 15 === 0) await written.append("rare", [bytes(rare.at(-1)!)]);
      await written.append("busy", [new Uint8Array(1000)]);
    }
    await written.remove("busy");
    copying = true;
    await written.compact();
    copying = false;
    expect(images.length).toBeGreaterThan(5);
    for (const image of images) {
      const again = await openFileStore({ ...options, port: new SimulatedDisk({ image }) });
      expect(await textsOf(again, "rare")).toEqual(rare);
      await again.close();
    }
    await written.close();
  });

  it("and the states that stand behind them are not written again", async () => {
    const disk = new SimulatedDisk();
    const options = { dir: "/disk/store", segmentBytes: 2000, clock, port: disk };
    const written = await openFileStore(options);
    await written.open("busy", { messages: [new Uint8Array(2000)] });
    await written.open("late", { messages: [new Uint8Array(50_000)] });
    await written.close();
    const again = await openFileStore(options);
    await again.remove("busy");
    await again.compact();
    await again.close();
    expect(disk.image().has("/disk/store/lane-000001/0000000001.seg")).toBe(false);
    const files = [...disk.image()].filter(([path]) => path.endsWith(".seg"));
    const records = files.flatMap(([, file]) => readSegment(file as Uint8Array));
    expect(records.filter(({ type, queue }) => type === 1 && queue === 2)).toHaveLength(1);
  });

  it.each([
    ["trim", 20_000, "written"],
    ["trim", 20_000, "synced"],
    ["remove", 20_000, "written"],
    ["remove", 20_000, "synced"],
    ["remove", 100, "written"],
  ] as const)(
    "and a %s while they are copied holds: %s, %s",
    async (...[drop, segmentBytes, durability]) => {
      let atRead: (() => void) | undefined;
      const disk = new SimulatedDisk({
        fail(operation) {
          if (operation === "read") atRead?.();
          return undefined;
        },
      });
      const folder = { dir: "/disk/store", port: disk, clock };
      // Large enough that what is copied in vain is worth giving back.
      const size = segmentBytes > 1000 ? 5000 : 500;
      const options = { ...folder, segmentBytes, durability, memoryBytes: 0 };
      const written = await openFileStore(options);
      await written.open("rare");
      await written.open("busy");
      for (let n = 0; n < 100; n += 1) {
        if (n % 20 === 0) await written.append("rare", [bytes(`${n}`.padEnd(size))]);
        await written.append("busy", [new Uint8Array(1000)]);
      }
      await written.remove("busy");
      let dropped: Promise<unknown> | undefined;
      atRead = () => {
        dropped ??= drop === "trim" ? written.trim("rare", "now") : written.remove("rare");
      };
      await written.compact();
      expect(dropped).toBeDefined();
      await dropped;
      await written.compact();
      // Of small segments the states that are written anew need many.
      const most = segmentBytes > 1000 ? 2000 : 20_000;
      expect((await written.stats()).diskBytes).toBeLessThan(most);
      await written.close();
      const again = await openFileStore({
        ...options,
        port: new SimulatedDisk({ image: disk.image() }),
      });
      expect((await again.info("rare"))?.messages).toBe(drop === "trim" ? 0 : undefined);
      await again.close();
    },
  );

  it("later, when the disk is full before what is needed is written anew", async () => {
    for (let allowed = 0, refused = true; refused; allowed += 1) {
      let writes = Number.POSITIVE_INFINITY;
      const disk = new SimulatedDisk({
        fail: (operation, path) =>
          operation === "write" && (writes -= 1) < 0 ? systemError("ENOSPC", path) : undefined,
      });
      const options = { dir: "/disk/store", segmentBytes: 9000, memoryBytes: 0, clock, port: disk };
      const written = await openFileStore(options);
      // Its state stands in the first segment, its messages in the others.
      await written.open("rare", { metadata: { a: "1" } });
      await written.open("busy");
      const rare: string[] = [];
      for (let n = 0; n < 30; n += 1) {
        if (n % 10 === 9) {
          rare.push(`${n}`.padEnd(500));
          await written.append("rare", [bytes(rare.at(-1)!)]);
        }
        await written.append("busy", [new Uint8Array(1000)]);
      }
      await written.remove("busy");
      writes = allowed;
      const compacting = await Promise.allSettled([written.compact()]);
      refused = compacting[0].status === "rejected";
      writes = Number.POSITIVE_INFINITY;
      // They stand where what was refused was to stand.
      for (const text of ["after", "all"]) {
        rare.push(text.padEnd(500));
        await written.append("rare", [bytes(rare.at(-1)!)]);
      }
      expect(await textsOf(written, "rare")).toEqual(rare);
      await written.compact();
      expect((await written.stats()).diskBytes).toBeLessThan(5000);
      expect(await textsOf(written, "rare")).toEqual(rare);
      await written.close();
      const port = new SimulatedDisk({ image: disk.image() });
      const again = await openFileStore({ ...options, port });
      expect((await again.info("rare"))?.metadata).toEqual({ a: "1" });
      expect(await textsOf(again, "rare")).toEqual(rare);
      await again.close();
      expect(allowed).toBeLessThan(40);
    }
  });

  it("but not under a reader: what it has begun to read it gets", async () => {
    let release = (): void => {};
    class HeldDisk extends SimulatedDisk {
      held: Promise<void> | undefined;
      reading = 0;
      override async read(...call: Parameters<SimulatedDisk["read"]>): Promise<number> {
        this.reading += 1;
        await this.held;
        return super.read(...call);
      }
    }
    const disk = new HeldDisk();
    const options = { dir: "/disk/store", segmentBytes: 20_000, memoryBytes: 0, clock, port: disk };
    const before = await openFileStore(options);
    await before.open("q");
    // Each has a segment of its own, and is read by another thread.
    for (let n = 0; n < 10; n += 1) await before.append("q", [bytes(`${n}`.padEnd(300_000))]);
    await before.close();
    await using written = await openFileStore(options);
    disk.reading = 0;
    disk.held = new Promise((resolve) => (release = resolve));
    const reading = written.read("q", "start", { max: 10, maxBytes: 1 << 24 });
    await expect.poll(() => disk.reading).toBeGreaterThan(0);
    await written.trim("q", "now");
    await written.compact();
    release();
    const { messages } = await reading;
    expect(messages.map(({ data }) => Number(Buffer.from(data)))).toEqual([
      0, 1, 2, 3, 4, 5, 6, 7, 8, 9,
    ]);
    await written.compact();
    expect((await written.stats()).diskBytes).toBeLessThan(2000);
  });

  it("but not before the last fork that reads them is gone", async () => {
    await store.open("origin");
    const texts = await fill("origin", 60);
    await store.open("fork", { fork: { from: "origin" } });
    await store.open("fork2", { fork: { from: "fork" } });
    await store.remove("origin");
    await store.trim("fork", "now");
    await fill("fork", 40);
    await store.remove("fork");
    await shrinksTo(6);
    await reopen();
    expect(await textsOf(store, "fork2")).toEqual(texts);
    await expect(store.open("origin")).rejects.toMatchObject({ code: "QUEUE_REMOVED" });
    await store.remove("fork2");
    await shrinksTo(2);
    await reopen();
    for (const name of ["origin", "fork", "fork2"]) {
      expect((await store.open(name)).created).toBe(true);
    }
  });

  it("and what was deleted never comes back, whatever goes first", async () => {
    await store.open("old");
    const old = await fill("old", 18);
    for (let round = 0; round < 12; round += 1) {
      await store.open(`short${round}`);
      await fill(`short${round}`, round % 3 === 0 ? 25 : 3);
      if (round > 0) await store.remove(`short${round - 1}`);
      clock.advance(1000);
      await store.flush();
      if (round % 4 === 3) await reopen();
      const names: string[] = [];
      for await (const { name } of store.list()) names.push(name);
      expect(names).toEqual(["old", `short${round}`]);
    }
    expect(await textsOf(store, "old")).toEqual(old);
  });
});
