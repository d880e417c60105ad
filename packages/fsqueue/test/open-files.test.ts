import { type FileStore, openFileStore } from "@lazy/fsqueue";
import { describe, expect, it } from "vitest";
import { textsOf } from "./fixtures/check-promises.ts";
import { SimulatedDisk, systemError } from "./fixtures/simulated-disk.ts";

const dir = "/disk/store";
const options = { dir, segmentBytes: 1000, memoryBytes: 0 };
const all = { max: 1_000_000, maxBytes: 1 << 30 };
/** The fewest files that stay open for reading. */
const kept = 32;

/** A disk on which reads of one file can be held, and opening files for reading be refused. */
class ReadDisk extends SimulatedDisk {
  refusing = false;
  readonly opened: string[] = [];
  readonly #paths = new Map<number, string>();
  #held = "";
  #release: Promise<void> | undefined;
  waiting = 0;

  /** Hold reads of the file whose path ends so; returns what lets them go. */
  hold(path: string): () => void {
    let release = (): void => {};
    this.#held = path;
    this.#release = new Promise((resolve) => (release = resolve));
    return release;
  }

  override async open(...call: Parameters<SimulatedDisk["open"]>): Promise<number> {
    const [path, mode] = call;
    if (mode === "read" && this.refusing) throw systemError("EMFILE", path);
    const descriptor = await super.open(...call);
    if (mode === "read") this.opened.push(path);
    this.#paths.set(descriptor, path);
    return descriptor;
  }

  override async read(...call: Parameters<SimulatedDisk["read"]>): Promise<number> {
    if (this.#release !== undefined && this.#paths.get(call[0])?.endsWith(this.#held) === true) {
      this.waiting += 1;
      await this.#release;
    }
    return super.read(...call);
  }
}

/** A queue whose messages have a segment each, as the next process finds it. */
async function openMany(count: number): Promise<{ disk: ReadDisk; store: FileStore }> {
  const written = new SimulatedDisk();
  const before = await openFileStore({ ...options, port: written });
  await before.open("q");
  for (let n = 0; n < count; n += 1) {
    await before.append("q", [new TextEncoder().encode(`${n}`.padEnd(1000))]);
  }
  await before.close();
  const disk = new ReadDisk({ image: written.image() });
  return { disk, store: await openFileStore({ ...options, port: disk }) };
}

describe("files that are open for reading", () => {
  it("are few, and none is closed under a reader", async () => {
    const { disk, store } = await openMany(60);
    expect((await textsOf(store, "q")).map(Number)).toHaveLength(60);
    await expect.poll(() => disk.openFiles).toBeLessThanOrEqual(kept + 2);
    // The first one was closed for the others: another thread opens and reads it.
    const release = disk.hold("0000000001.seg");
    const held = store.read("q", "start", { max: 1 });
    await expect.poll(() => disk.waiting).toBe(1);
    const { messages } = await store.read("q", "0000000000000001", all);
    expect(messages).toHaveLength(59);
    await expect.poll(() => disk.openFiles).toBeLessThanOrEqual(kept + 2);
    release();
    expect((await held).messages.map(({ data }) => Number(Buffer.from(data)))).toEqual([0]);
    await store.close();
    expect(disk.openFiles).toBe(0);
  });

  it("are opened once for all who want them at the same time", async () => {
    const { disk, store } = await openMany(60);
    await textsOf(store, "q");
    disk.opened.length = 0;
    const reads = Array.from({ length: 3 }, () => store.read("q", "start", { max: 1 }));
    for (const read of reads) expect((await read).messages).toHaveLength(1);
    expect(disk.opened).toEqual([`${dir}/lane-000001/0000000001.seg`]);
    await store.close();
    expect(disk.openFiles).toBe(0);
  });

  it("and those that will be are there until a read that needs them is over", async () => {
    const { disk, store } = await openMany(60);
    await textsOf(store, "q");
    const release = disk.hold(".seg");
    const held = store.read("q", "start", all);
    await expect.poll(() => disk.waiting).toBeGreaterThan(0);
    await store.trim("q", "now");
    await store.compact();
    release();
    expect((await held).messages).toHaveLength(60);
    await store.compact();
    expect((await store.stats()).diskBytes).toBeLessThan(6000);
    await store.close();
  });

  it("that could not be opened are not held to be read: their space is given back", async () => {
    const { disk, store } = await openMany(60);
    await textsOf(store, "q");
    disk.refusing = true;
    await expect(store.read("q", "start", { max: 1 })).rejects.toMatchObject({
      code: "STORE_FAILED",
      details: { system: "EMFILE" },
    });
    disk.refusing = false;
    await store.trim("q", "now");
    await store.compact();
    expect(await disk.list(`${dir}/lane-000001`)).not.toContain("0000000001.seg");
    await store.close();
  });

  it("are closed with the segments that are given back, in a reader's process after its reads", async () => {
    const disk = new ReadDisk();
    const writer = await openFileStore({ ...options, port: disk });
    await writer.open("q");
    for (let n = 0; n < 5; n += 1) await writer.append("q", [new Uint8Array(300_000)]);
    const reader = await openFileStore({ ...options, port: disk, readonly: true });
    for (const store of [writer, reader]) {
      expect((await store.read("q", "start", all)).messages).toHaveLength(5);
    }
    const release = disk.hold("0000000002.seg");
    const held = reader.read("q", "start", all);
    await expect.poll(() => disk.waiting).toBe(1);
    await writer.remove("q");
    await writer.compact();
    await reader.flush();
    release();
    expect((await held).messages).toHaveLength(5);
    // The segment being written, by the writer and by the reader.
    await expect.poll(() => disk.openFiles).toBe(2);
    await writer.close();
    await reader.close();
    expect(disk.openFiles).toBe(0);
  });

  it("are there: nothing is asked of a segment before its file is created", async () => {
    class StrictDisk extends SimulatedDisk {
      unknown = 0;
      override writeNow(...call: Parameters<SimulatedDisk["writeNow"]>): number {
        try {
          return super.writeNow(...call);
        } catch (error) {
          this.unknown += 1;
          throw error;
        }
      }
    }
    const disk = new StrictDisk();
    const store = await openFileStore({ ...options, port: disk });
    await store.open("q");
    for (let n = 0; n < 20; n += 1) await store.append("q", [new Uint8Array(400)]);
    expect(disk.unknown).toBe(0);
    expect((await disk.list(`${dir}/lane-000001`)).length).toBeGreaterThan(5);
    await store.close();
  });
});
