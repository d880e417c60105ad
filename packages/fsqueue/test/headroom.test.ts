import { type FilePort, type FileStore, openFileStore } from "@lazy/fsqueue";
import { startOfZeros } from "../src/journal/scan.ts";
import { SegmentReader } from "../src/journal/segment-reader.ts";
import { verifyFolder } from "../src/journal/verify.ts";
import { describe, expect, it } from "vitest";
import { textsOf } from "./fixtures/check-promises.ts";
import { portWith } from "./fixtures/port-with.ts";
import { SimulatedDisk, seededRandom, systemError } from "./fixtures/simulated-disk.ts";

const dir = "/disk/store";
const segmentOf = (number: number): string => `${dir}/lane-000001/000000000${number}.seg`;
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

interface Opened {
  readonly disk: SimulatedDisk;
  readonly store: FileStore;
  /** How often each operation was carried out. */
  readonly counts: Map<string, number>;
}

async function open(
  options: { durability?: "written" | "synced"; segmentBytes?: number } = {},
  fail: (operation: string, path: string) => Error | undefined = () => undefined,
): Promise<Opened> {
  const counts = new Map<string, number>();
  const disk = new SimulatedDisk({
    fail(operation, path) {
      counts.set(operation, (counts.get(operation) ?? 0) + 1);
      return fail(operation, path);
    },
  });
  const store = await openFileStore({ dir, port: disk, durability: "synced", ...options });
  await store.open("q");
  return { disk, store, counts };
}

async function sizeOf(port: FilePort, path: string): Promise<number> {
  const descriptor = await port.open(path, "read");
  const size = await port.size(descriptor);
  await port.close(descriptor);
  return size;
}

describe("headroom", () => {
  it("lets small synced appends leave the length of the file as it is", async () => {
    const { disk, store, counts } = await open();
    const before = await sizeOf(disk, segmentOf(1));
    for (let n = 0; n < 100; n += 1) await store.append("q", [bytes(`m${n}`)]);
    expect(counts.get("extend")).toBe(1);
    expect(await sizeOf(disk, segmentOf(1))).toBe(before);
    await store.close();
  });

  it("is not made for the opening of the folder alone", async () => {
    const disk = new SimulatedDisk();
    const store = await openFileStore({ dir, port: disk, durability: "synced" });
    expect(await sizeOf(disk, segmentOf(1))).toBe((await store.stats()).diskBytes);
    await store.close();
  });

  it("is made anew when it is used up", async () => {
    const { store, counts } = await open();
    await store.append("q", [new Uint8Array(2 << 20)]);
    expect(counts.get("extend")).toBe(1);
    await store.append("q", [bytes("small")]);
    expect(counts.get("extend")).toBe(2);
    await store.close();
  });

  it("is not made for large batches, nor beyond a segment", async () => {
    const large = await open();
    await large.store.append("q", [new Uint8Array(2 << 20)]);
    await large.store.append("q", [new Uint8Array(4096)]);
    expect(large.counts.get("extend")).toBe(1); // the opening of the queue
    await large.store.close();
    const short = await open({ segmentBytes: 1000 });
    expect(await sizeOf(short.disk, segmentOf(1))).toBe(1000);
    await short.store.close();
    const full = await open({ segmentBytes: 1000 });
    full.counts.clear();
    await full.store.append("q", [new Uint8Array(1000)]);
    expect(full.counts.get("extend")).toBeUndefined();
    await full.store.close();
  });

  it("is made by who writes without syncs only for those who wait for one, and not during one", async () => {
    const disk = new SimulatedDisk();
    const extended: string[] = [];
    let during: (() => Promise<unknown>) | undefined;
    let second: Promise<unknown> | undefined;
    const port = portWith(disk, {
      async sync(descriptor) {
        const once = during;
        during = undefined;
        await once?.();
        await disk.sync(descriptor);
      },
      extendNow: () => void extended.push(now),
    });
    let now = "nobody waits";
    const store = await openFileStore({ dir, port, durability: "written" });
    await store.open("q");
    await store.append("q", [bytes("m")]);
    during = async () => {
      now = "during a sync";
      second = store.append("q", [bytes("m")], { durable: true });
      await store.append("q", [bytes("m")]);
    };
    await store.flush();
    now = "somebody waits";
    for (let n = 0; n < 5; n += 1) await store.append("q", [bytes("m")], { durable: true });
    await second;
    expect(extended).toEqual(["somebody waits"]);
    await store.close();
  });

  it("ends with the log when the store is closed, durably", async () => {
    const { disk, store } = await open();
    await store.append("q", [bytes("kept")]);
    const { diskBytes } = await store.stats();
    await store.close();
    const random = seededRandom(1);
    const sizes = disk.cuts(random).map(({ image }) => image.get(segmentOf(1)));
    for (const entry of sizes) {
      const { length } = entry as Uint8Array;
      expect(length).toBeGreaterThan(diskBytes); // the record that tells of the close
      expect(length).toBeLessThan(diskBytes + 100);
    }
  });

  it("ends with a segment that is closed early, durably, before the next one begins", async () => {
    let lengths: number[] = [];
    const disk: SimulatedDisk = new SimulatedDisk({
      onOperation(operation, path) {
        if (operation !== "create" || path !== segmentOf(2)) return;
        const images = disk.cuts(seededRandom(1)).map(({ image }) => image.get(segmentOf(1)));
        lengths = images.map((entry) => (entry as Uint8Array).length);
      },
    });
    const store = await openFileStore({ dir, port: disk, durability: "synced" });
    await store.open("q", { messages: [new Uint8Array(20_000), bytes("kept")] });
    await store.trim("q", "0000000000000001");
    const { diskBytes } = await store.stats();
    await store.compact();
    expect(lengths.length).toBeGreaterThan(0);
    // The next one tells how much counts; once that is gone, nothing else may stand here.
    expect(new Set(lengths)).toEqual(new Set([diskBytes]));
    await store.close();
  });

  it("that cannot be cut off is no reason for a close to fail", async () => {
    const { disk, store } = await open({}, (operation, path) =>
      operation === "truncate" ? systemError("EIO", path) : undefined,
    );
    await store.append("q", [bytes("kept")]);
    await store.close();
    const again = await openFileStore({ dir, port: new SimulatedDisk({ image: disk.image() }) });
    expect(await textsOf(again, "q")).toEqual(["kept"]);
    await again.close();
  });

  it("is cut off by who opens the folder after a crash, and is no damage", async () => {
    const { disk, store } = await open();
    await store.append("q", [bytes("kept")]);
    const image = disk.image();
    const { diskBytes } = await store.stats();
    await store.close();
    const port = new SimulatedDisk({ image });
    expect(await verifyFolder(dir, { port })).toMatchObject({ unfinishedBytes: 0, damage: [] });
    const readonly = await openFileStore({ dir, port, readonly: true });
    expect(await textsOf(readonly, "q")).toEqual(["kept"]);
    await readonly.close();
    const again = await openFileStore({ dir, port });
    expect(await sizeOf(port, segmentOf(1))).toBeLessThan(diskBytes + 200);
    expect(await textsOf(again, "q")).toEqual(["kept"]);
    await again.close();
  });

  it("is not counted as unfinished behind a block that is", async () => {
    const { disk, store } = await open();
    const { diskBytes } = await store.stats();
    await store.append("q", [bytes("torn")]);
    const image = new Map(disk.image());
    await store.close();
    const file = (image.get(segmentOf(1)) as Uint8Array).slice();
    file.fill(0, diskBytes + 20);
    image.set(segmentOf(1), file);
    const { unfinishedBytes } = await verifyFolder(dir, { port: new SimulatedDisk({ image }) });
    expect(unfinishedBytes).toBeGreaterThan(0);
    expect(unfinishedBytes).toBeLessThanOrEqual(20);
  });

  it("is done without where there is none", async () => {
    const { disk, store, counts } = await open({}, (operation, path) =>
      operation === "extend" ? systemError("EFBIG", path) : undefined,
    );
    for (let n = 0; n < 5; n += 1) await store.append("q", [bytes(`m${n}`)]);
    expect(counts.get("extend")).toBe(1); // asked once
    expect(await textsOf(store, "q")).toHaveLength(5);
    expect(await sizeOf(disk, segmentOf(1))).toBe((await store.stats()).diskBytes);
    await store.close();
  });

  it("is made again after a write that was refused", async () => {
    let full = false;
    const { disk, store, counts } = await open({}, (operation, path) =>
      full && operation === "write" ? systemError("ENOSPC", path) : undefined,
    );
    full = true;
    await expect(store.append("q", [bytes("refused")])).rejects.toMatchObject({
      code: "STORE_FULL",
    });
    full = false;
    expect(await sizeOf(disk, segmentOf(1))).toBe((await store.stats()).diskBytes);
    await store.append("q", [bytes("kept")]);
    expect(counts.get("extend")).toBe(2);
    await store.close();
  });

  describe("for who reads along", () => {
    async function openBoth() {
      const { disk, store } = await open();
      const reads: number[] = [];
      const port = portWith(disk, {
        async read(...args) {
          const count = await disk.read(...args);
          reads.push(count);
          return count;
        },
      });
      const reader = await openFileStore({ dir, port, readonly: true });
      reads.length = 0;
      const close = async (): Promise<void> => {
        await reader.close();
        await store.close();
      };
      return { store, reader, reads, close };
    }

    it("is hardly read", async () => {
      const { store, reader, reads, close } = await openBoth();
      for (let n = 0; n < 10; n += 1) {
        await store.append("q", [bytes(`m${n}`)]);
        await reader.flush();
      }
      expect(await textsOf(reader, "q")).toHaveLength(10);
      expect(reads.reduce((sum, count) => sum + count)).toBeLessThan(10 * (64 << 10));
      await close();
    });

    it("does not make much to catch up with many small reads", async () => {
      const { store, reader, reads, close } = await openBoth();
      for (let n = 0; n < 40; n += 1) await store.append("q", [new Uint8Array(100 << 10)]);
      await reader.flush();
      expect((await reader.read("q", "0000000000000000")).messages.length).toBeGreaterThan(0);
      expect(reads.length).toBeLessThan(30);
      await close();
    });
  });
});

describe("the zeros a file ends with", () => {
  it("are found through a window", async () => {
    const path = "/file";
    const port = new SimulatedDisk({ image: new Map([[path, new Uint8Array(100)]]) });
    const descriptor = await port.open(path, "write");
    const start = (from: number): Promise<number> =>
      startOfZeros(new SegmentReader(port, descriptor, 100, 8), from);
    expect(await start(0)).toBe(0);
    expect(await start(40)).toBe(40);
    port.writeNow(descriptor, Uint8Array.of(1, 0, 1), 0, 3, 50);
    expect(await start(0)).toBe(53);
    expect(await start(52)).toBe(53);
    expect(await start(53)).toBe(53);
    port.writeNow(descriptor, Uint8Array.of(1), 0, 1, 99);
    expect(await start(0)).toBe(100);
  });
});
