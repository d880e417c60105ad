import { type Store, openFileStore } from "@lazy/fsqueue";
import { createManualClock } from "@lazy/fsqueue/testing";
import { describe, expect, it } from "vitest";
import { textsOf } from "./fixtures/check-promises.ts";
import { type RawRecord, crcOf, readSegment } from "./fixtures/segment-bytes.ts";
import { type DiskImage, SimulatedDisk, systemError } from "./fixtures/simulated-disk.ts";

const dir = "/disk/store";
const first = `${dir}/lane-000001/0000000001.seg`;
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

const opened = (image: DiskImage, path: string): RawRecord[] =>
  readSegment(image.get(path) as Uint8Array).filter(({ type }) => type === 1);

function reopen(disk: SimulatedDisk): Promise<Store> {
  return openFileStore({ dir, port: new SimulatedDisk({ image: disk.image() }) });
}

/** The image with one bit flipped in the first place where this text stands. */
function flipped(image: DiskImage, path: string, text: string): DiskImage {
  const file = Buffer.from((image.get(path) as Uint8Array).slice());
  file[file.indexOf(text)]! ^= 1;
  return new Map(image).set(path, file);
}

describe("what a crash tore at the end", () => {
  it("is cut off: what stands behind it does not come back when the place is filled", async () => {
    const torn = "t".repeat(120);
    const dying = new SimulatedDisk();
    const store = await openFileStore({ dir, port: dying });
    await store.open("q");
    await store.append("q", [bytes("before")], { durable: true });
    await store.append("q", [bytes(torn)]);
    await store.append("q", [bytes("behind")]);
    const image = flipped(dying.image(), first, torn);
    // With one of these lengths the new block ends where the old one begins that is whole.
    for (let length = 1; length < 120; length += 1) {
      const disk = new SimulatedDisk({ image });
      const next = await openFileStore({ dir, port: disk });
      const text = "n".repeat(length);
      await next.append("q", [bytes(text)]);
      const again = await reopen(disk);
      expect(await textsOf(again, "q")).toEqual(["before", text]);
      await again.close();
      await next.close();
    }
    await store.close();
  });

  it("is no tear when any block behind it was written after it was durable", async () => {
    const disk = new SimulatedDisk();
    const store = await openFileStore({ dir, port: disk });
    await store.open("q");
    await store.append("q", [bytes("damaged")]);
    // Neither is durable when this one is written, both when the next one is.
    await store.append("q", [bytes("undecided")]);
    await store.flush();
    await store.append("q", [bytes("telling"), bytes("kept")]);
    const image = flipped(disk.image(), first, "damaged");
    // The header of the last one tells, though what it heads is torn.
    for (const one of [image, flipped(image, first, "telling")]) {
      const opening = openFileStore({ dir, port: new SimulatedDisk({ image: one }) });
      await expect(opening).rejects.toMatchObject({ code: "CORRUPT", details: { queue: "q" } });
      // Who salvages loses what is damaged, and nothing beside it.
      const port = new SimulatedDisk({ image: one });
      const salvaged = await openFileStore({ dir, port, salvage: () => {} });
      const telling = one === image ? ["telling"] : [];
      expect(await textsOf(salvaged, "q")).toEqual(["undecided", ...telling, "kept"]);
      await salvaged.close();
    }
    await store.close();
  });
});

describe("a block whose checksums are right", () => {
  it.each<[string, (view: DataView, at: number) => void]>([
    ["has another count of records", (view, at) => view.setUint32(at + 8, 2, true)],
    ["has a record that goes on behind its end", (view, at) => view.setUint8(at + 36, 255)],
    ["has a record shorter than a header", (view, at) => view.setUint8(at + 36, 7)],
  ])("is damage when it %s", async (_, change) => {
    const disk = new SimulatedDisk();
    const store = await openFileStore({ dir, port: disk });
    await store.open("q");
    await store.append("q", [bytes("changed")], { durable: true });
    await store.close();
    const file = Buffer.from((disk.image().get(first) as Uint8Array).slice());
    const view = new DataView(file.buffer, file.byteOffset);
    const at = file.indexOf("changed") - 24 - 32;
    change(view, at);
    const salt = view.getUint32(8, true);
    view.setUint32(at + 24, crcOf(file.subarray(at + 32, at + 32 + 24 + 7), salt), true);
    view.setUint32(at + 28, crcOf(file.subarray(at, at + 28), (salt ^ at) >>> 0), true);
    const port = new SimulatedDisk({ image: new Map(disk.image()).set(first, file) });
    await expect(openFileStore({ dir, port })).rejects.toMatchObject({ code: "CORRUPT" });
  });
});

describe("a segment that is shorter than the next one says", () => {
  it("is damage, also when no message is missing", async () => {
    const disk = new SimulatedDisk();
    const store = await openFileStore({ dir, port: disk, segmentBytes: 1000 });
    const { info } = await store.open("q");
    for (let n = 0; n < 40; n += 1) await store.cursors.set("q", "group", info.tail);
    await store.close();
    const file = disk.image().get(first) as Uint8Array;
    // Without its last block, which holds one cursor.
    const shorter = file.slice(0, file.length - 32 - 24 - "group".length);
    const image = new Map(disk.image()).set(first, shorter);
    await expect(openFileStore({ dir, port: new SimulatedDisk({ image }) })).rejects.toMatchObject({
      code: "CORRUPT",
    });
  });
});

describe("a header of a segment", () => {
  it.each(["first", "last"])(
    "is told when a byte of it is damaged; nothing is lost: %s",
    async (which) => {
      const disk = new SimulatedDisk();
      const store = await openFileStore({ dir, port: disk, segmentBytes: 1000 });
      await store.open("q");
      const texts = Array.from({ length: 9 }, (_, n) => `${n}`.padEnd(600));
      for (const text of texts) await store.append("q", [bytes(text)]);
      await store.close();
      const paths = [...disk.image().keys()].filter((path) => path.endsWith(".seg")).toSorted();
      const path = paths.at(which === "first" ? 0 : -1)!;
      for (let at = 0; at < 64; at += 1) {
        const file = (disk.image().get(path) as Uint8Array).slice();
        file[at]! ^= 1 << (at % 8);
        const port = new SimulatedDisk({ image: new Map(disk.image()).set(path, file) });
        await expect(openFileStore({ dir, port })).rejects.toMatchObject({
          code: "CORRUPT",
          details: { path, offset: 0 },
        });
        const lost: unknown[] = [];
        const salvage = (loss: unknown): void => void lost.push(loss);
        const salvaged = await openFileStore({ dir, port, salvage });
        expect(lost).toEqual([]);
        expect(await textsOf(salvaged, "q")).toEqual(texts);
        await salvaged.close();
      }
    },
  );
});

describe("a number of a queue", () => {
  it("is not given again, though no segment speaks of that queue any more", async () => {
    const disk = new SimulatedDisk();
    const store = await openFileStore({ dir, port: disk });
    await store.open("old", { messages: [new Uint8Array(5000)] });
    const [old] = opened(disk.image(), first);
    await store.remove("old");
    await store.compact();
    await store.close();
    expect(disk.image().has(first)).toBe(false);
    const again = await openFileStore({ dir, port: disk });
    await again.open("new");
    const [only, ...others] = opened(disk.image(), first.replace("1.seg", "2.seg"));
    expect(others).toEqual([]);
    expect(only!.queue).toBeGreaterThan(old!.queue);
    await again.close();
  });
});

describe("a process that dies while it creates a segment", () => {
  it("leaves its entry in the folder to the next one to make durable", async () => {
    let refusing = true;
    const disk = new SimulatedDisk({
      fail: (operation, path) =>
        // The sync that it does not live to see, nor the removal.
        refusing && (operation === "remove" || path.endsWith("lane-000001"))
          ? systemError("EIO", path)
          : undefined,
    });
    await expect(openFileStore({ dir, port: disk })).rejects.toMatchObject({
      code: "STORE_FAILED",
    });
    expect(disk.image().has(first)).toBe(true);
    refusing = false;
    const store = await openFileStore({ dir, port: disk });
    await store.open("q");
    await store.append("q", [bytes("durable")], { durable: true });
    const cut = disk.cuts(() => 0)[0]!.image;
    const again = await openFileStore({ dir, port: new SimulatedDisk({ image: cut }) });
    expect(await textsOf(again, "q")).toEqual(["durable"]);
    await again.close();
    await store.close();
  });
});

describe("an empty folder", () => {
  it.each([
    ["is made durable, whoever made it", false, 1],
    ["is used as it is where nobody may look above it", true, undefined],
  ])("%s", async (_, closed, kept) => {
    const disk = new SimulatedDisk({
      fail: (operation, path) =>
        closed && operation === "syncFolder" && path === "/disk"
          ? systemError("EACCES", path)
          : undefined,
    });
    await disk.makeFolder("/disk");
    await disk.syncFolder("/");
    await disk.makeFolder(dir);
    const store = await openFileStore({ dir, port: disk });
    await store.open("q");
    await store.append("q", [bytes("durable")], { durable: true });
    await store.close();
    const [cut] = disk.cuts(() => 0);
    const again = await openFileStore({ dir, port: new SimulatedDisk({ image: cut!.image }) });
    expect((await again.info("q"))?.messages).toBe(kept);
    await again.close();
  });
});

describe("what the log tells of time", () => {
  /** A store is left by the death of its process; the next one has its own clock. */
  async function afterDeath(
    before: (store: Store, advance: (ms: number) => void) => Promise<unknown>,
    now: number,
  ): Promise<Store> {
    const clock = createManualClock(100_000);
    const disk = new SimulatedDisk();
    const dying = await openFileStore({ dir, port: disk, clock });
    await before(dying, (ms) => clock.advance(ms));
    const port = new SimulatedDisk({ image: disk.image() });
    return openFileStore({ dir, port, clock: createManualClock(now) });
  }

  it("goes on from there when the clock was set back", async () => {
    const store = await afterDeath(async (dying, advance) => {
      await dying.open("q");
      advance(50_000);
      await dying.append("q", [bytes("a")]);
    }, 120_000);
    await store.append("q", [bytes("b")]);
    const { messages } = await store.read("q", "start");
    expect(messages.map(({ time }) => time)).toEqual([150_000, 150_000]);
    await store.close();
  });

  it.each<[string, (store: Store) => Promise<unknown>]>([
    ["a cursor", (dying) => dying.cursors.set("q", "g", "0000000000000000")],
    ["a read", (dying) => dying.read("q", "start")],
  ])("renews a TTL by %s", async (_, use) => {
    const store = await afterDeath(async (dying, advance) => {
      await dying.open("q", { ttlMs: 60_000, messages: [bytes("a")] });
      advance(50_000);
      await use(dying);
      await dying.flush();
    }, 200_000);
    expect(await store.info("q")).toBeDefined();
    await store.close();
  });

  it("renews a TTL by each message, also where it is not told of each use", async () => {
    const store = await afterDeath(async (dying, advance) => {
      await dying.open("q", { ttlMs: 60_000 });
      advance(5000);
      await dying.append("q", [bytes("b")]);
    }, 162_000);
    expect(await store.info("q")).toBeDefined();
    await store.close();
  });
});

describe("where the log speaks of a queue", () => {
  it.each([0, Infinity])(
    "is known to who gives segments back: index from %s",
    async (indexBytes) => {
      const disk = new SimulatedDisk();
      const options = { dir, port: disk, segmentBytes: 2000, indexBytes };
      const writing = await openFileStore(options);
      await writing.open("dropped", { messages: [bytes("d")] });
      // All of the first segment stays; what the second says of these queues is said there alone.
      const { info } = await writing.open("q", { messages: [new Uint8Array(50_000)] });
      await writing.open("busy");
      await writing.cursors.set("q", "group", info.tail);
      await writing.remove("dropped");
      for (let n = 0; n < 9; n += 1) await writing.append("busy", [new Uint8Array(500)]);
      await writing.close();
      const compacting = await openFileStore(options);
      await compacting.remove("busy");
      await compacting.compact();
      expect(disk.image().has(first)).toBe(true);
      expect(disk.image().has(first.replace("1.seg", "2.seg"))).toBe(false);
      await compacting.close();
      // The log alone tells.
      const image = new Map(disk.image());
      image.delete(`${dir}/index.snapshot`);
      const again = await openFileStore({ ...options, port: new SimulatedDisk({ image }) });
      expect(await again.cursors.get("q", "group")).toBe(info.tail);
      expect(await again.info("dropped")).toBeUndefined();
      await again.close();
    },
  );
});
