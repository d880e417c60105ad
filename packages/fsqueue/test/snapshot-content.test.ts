import { type FileStore, type FileStoreOptions, openFileStore } from "@lazy/fsqueue";
import { createManualClock } from "@lazy/fsqueue/testing";
import { describe, expect, it } from "vitest";
import { textsOf } from "./fixtures/check-promises.ts";
import { readSegment } from "./fixtures/segment-bytes.ts";
import { type DiskImage, SimulatedDisk } from "./fixtures/simulated-disk.ts";
import { dumpStore } from "./fixtures/store-dump.ts";

const dir = "/disk/store";
const snapshot = `${dir}/index.snapshot`;
const draft = `${snapshot}.new`;
const first = `${dir}/lane-000001/0000000001.seg`;
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

function open(port: SimulatedDisk, options: Partial<FileStoreOptions> = {}): Promise<FileStore> {
  return openFileStore({ dir, port, indexBytes: 0, ...options });
}

function without(image: DiskImage, path = snapshot): DiskImage {
  return new Map([...image].filter(([name]) => name !== path));
}

async function found(image: DiskImage): Promise<unknown> {
  await using store = await open(new SimulatedDisk({ image }), { readonly: true });
  return await dumpStore(store, []);
}

/** Tells when a snapshot is begun, before its entries are made, and when the first of them are written. */
class DraftDisk extends SimulatedDisk {
  #draft = -1;
  onBegin: (() => void) | undefined;
  onEntries: (() => void) | undefined;
  held: Promise<void> | undefined;
  override async sync(descriptor: number): Promise<void> {
    await this.held;
    return super.sync(descriptor);
  }
  override async open(...call: Parameters<SimulatedDisk["open"]>): Promise<number> {
    const descriptor = await super.open(...call);
    if (call[0] !== draft) return descriptor;
    this.#draft = descriptor;
    this.onBegin?.();
    this.onBegin = undefined;
    return descriptor;
  }
  override async write(...call: Parameters<SimulatedDisk["write"]>): Promise<number> {
    if (call[0] === this.#draft) {
      this.onEntries?.();
      this.onEntries = undefined;
    }
    return super.write(...call);
  }
}

/** Append until a snapshot stands in the folder. */
async function appendUntilSnapshot(store: FileStore, disk: SimulatedDisk): Promise<string> {
  let offset = "";
  for (let n = 0; n < 99 && !disk.image().has(draft) && !disk.image().has(snapshot); n += 1) {
    ({ offset } = await store.append("filler", [new Uint8Array(300)]));
  }
  await expect.poll(() => disk.image().has(snapshot)).toBe(true);
  return offset;
}

describe("what a snapshot tells", () => {
  it("leads to the queue of a name, not to another one whose name has the same hash", async () => {
    const disk = new SimulatedDisk();
    const names = ["liquid", "costarring", "zinke", "altarage"];
    const store = await open(disk);
    for (const name of names) await store.open(name, { messages: [bytes(name)] });
    await store.remove("altarage");
    await store.close();
    const again = await open(disk);
    expect(await again.info("altarage")).toBeUndefined();
    for (const name of names.slice(0, 3)) expect(await textsOf(again, name)).toEqual([name]);
    await again.close();
  });

  it("goes on in time from there when the clock was set back", async () => {
    const disk = new SimulatedDisk();
    const store = await open(disk, { clock: createManualClock(150_000) });
    await store.open("q");
    await store.close();
    const again = await open(disk, { clock: createManualClock(120_000) });
    await again.append("q", [bytes("a")]);
    expect((await again.read("q", "start")).messages.map(({ time }) => time)).toEqual([150_000]);
    await again.close();
  });

  it("gives no number of a queue again, though nothing of that one is left", async () => {
    const disk = new SimulatedDisk();
    const store = await open(disk);
    await store.open("old", { messages: [bytes("old")] });
    await store.remove("old");
    await store.close();
    const again = await open(disk);
    await again.open("new", { messages: [bytes("new")] });
    await again.close();
    const numbers = readSegment(disk.image().get(first) as Uint8Array)
      .filter(({ type }) => type === 1)
      .map(({ queue }) => queue);
    expect(numbers).toHaveLength(2);
    expect(new Set(numbers).size).toBe(2);
  });

  it("says whether a power cut may have taken what came after it", async () => {
    const disk = new SimulatedDisk({ boot: "first" });
    const dying = await open(disk, { segmentBytes: 4000, indexBytes: 1000 });
    await dying.open("filler");
    const offset = await appendUntilSnapshot(dying, disk);
    for (const [boot, step] of [
      ["first", 1],
      ["second", 2 ** 24 + 1],
    ] as const) {
      const store = await open(new SimulatedDisk({ image: disk.image(), boot }));
      const receipt = await store.append("filler", [bytes("after")]);
      expect(Number(receipt.offset) - Number(offset)).toBe(step);
      await store.close();
    }
    await dying.close();
  });

  it("removes queues whose time has come, though nobody asks for them", async () => {
    const clock = createManualClock();
    const disk = new SimulatedDisk();
    const store = await open(disk, { clock });
    await store.open("ttl", { ttlMs: 60_000 });
    await store.open("expires", { expiresAt: clock.now() + 60_000 });
    await store.close();
    const again = await open(disk, { clock });
    clock.advance(70_000);
    await again.flush();
    const records = readSegment(disk.image().get(first) as Uint8Array);
    const deleted = records.filter(({ type }) => type === 8).map(({ queue }) => queue);
    expect(new Set(deleted)).toEqual(new Set([1, 2]));
    await again.close();
  });

  it("names the queues whose owner is gone, and only those", async () => {
    const disk = new SimulatedDisk();
    const store = await open(disk);
    await store.open("left", { owned: true });
    await store.open("ended", { owned: true, ending: { status: "ok" } });
    await store.open("nobody's");
    await store.close();
    const again = await open(disk);
    expect((await again.orphans()).map(({ name }) => name)).toEqual(["left"]);
    await again.close();
  });

  it("is what the log tells of queues that are removed while it is written", async () => {
    const disk = new DraftDisk();
    const options = { durability: "synced", segmentBytes: 4000, indexBytes: 1000 } as const;
    const store = await open(disk, options);
    await store.open("origin", { messages: [bytes("o")] });
    await store.open("fork", { fork: { from: "origin" } });
    await store.open("gone", { messages: [new Uint8Array(2500)] });
    await store.open("filler");
    const removed: Promise<boolean>[] = [];
    // While the entries are made nothing becomes durable, and so the removals are under way.
    disk.onBegin = () => {
      disk.held = new Promise((resolve) => (disk.onEntries = resolve));
      removed.push(store.remove("origin"), store.remove("gone"));
    };
    await appendUntilSnapshot(store, disk);
    expect(await Promise.all(removed)).toEqual([true, true]);
    const image = disk.image();
    expect(await found(image)).toEqual(await found(without(image)));
    const port = new SimulatedDisk({ image });
    const again = await open(port);
    await expect(again.open("origin")).rejects.toMatchObject({ code: "QUEUE_REMOVED" });
    expect(await textsOf(again, "fork")).toEqual(["o"]);
    expect((await again.open("gone")).created).toBe(true);
    await again.close();
    await store.close();
    // Of the four, the one that was opened anew, and the one that is gone, which stands in no snapshot.
    const { buffer, byteOffset } = port.image().get(snapshot) as Uint8Array;
    expect(new DataView(buffer, byteOffset).getUint32(12, true)).toBe(4);
    const last = await open(port);
    await expect(last.open("origin")).rejects.toMatchObject({ code: "QUEUE_REMOVED" });
    await last.close();
  });

  it("says nothing of a queue that was removed before its turn came; its deletion is kept", async () => {
    const clock = createManualClock();
    const disk = new DraftDisk();
    const store = await open(disk, { clock, segmentBytes: 250_000, indexBytes: 1000 });
    await store.open("kept", { messages: [new Uint8Array(100_000)] });
    const metadata = { filler: "x".repeat(300) };
    for (let n = 0; n < 300; n += 1) await store.open(`q${n}`, { metadata });
    await store.open("gone", { messages: [bytes("g")] });
    await store.open("filler");
    let removed: Promise<boolean> | undefined;
    disk.onEntries = () => {
      removed = store.remove("gone");
    };
    await appendUntilSnapshot(store, disk);
    expect(await removed).toBe(true);
    const second = first.replace("1.seg", "2.seg");
    const port = new SimulatedDisk({ image: disk.image() });
    await store.close();
    const again = await open(port, { clock, segmentBytes: 1000 });
    await again.append("filler", [new Uint8Array(2000)]);
    await again.remove("filler");
    clock.advance(1000);
    await expect.poll(() => port.image().has(second)).toBe(false);
    expect(port.image().has(first)).toBe(true);
    await again.close();
    const last = await open(new SimulatedDisk({ image: without(port.image()) }));
    expect(await last.info("gone")).toBeUndefined();
    await last.close();
  });
});
