import { performance } from "node:perf_hooks";
import { type Store, openFileStore } from "@lazy/fsqueue";
import { afterEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { SimulatedDisk } from "./fixtures/simulated-disk.ts";

const dir = "/disk/store";
const most = 16;
const pageBytes = 64 * 1024;

/** A disk whose reads wait until they are let on, one by one or all. */
class HeldDisk extends SimulatedDisk {
  holding = false;
  /** How the reads that wait go on: with an error or without. */
  waiting: ((error?: Error) => void)[] = [];
  readonly buffers = new Set<ArrayBufferLike>();
  reading = 0;
  mostReading = 0;

  override readNow(
    ...[descriptor, into, start, length, at]: Parameters<SimulatedDisk["readNow"]>
  ): number {
    return this.holding ? 0 : super.readNow(descriptor, into, start, length, at);
  }

  override async read(
    ...[descriptor, into, start, length, at]: Parameters<SimulatedDisk["read"]>
  ): Promise<number> {
    if (this.holding) {
      this.buffers.add(into.buffer);
      this.reading += 1;
      this.mostReading = Math.max(this.mostReading, this.reading);
      const error = await new Promise<Error | undefined>((resolve) => this.waiting.push(resolve));
      this.reading -= 1;
      if (error !== undefined) throw error;
    }
    return super.readNow(descriptor, into, start, length, at);
  }

  /** Let all reads go on, those that come later as well, until `over` is. */
  async letOn(over: Promise<unknown>, error?: Error): Promise<void> {
    const ended = new AbortController();
    over.then(
      () => ended.abort(),
      () => ended.abort(),
    );
    while (!ended.signal.aborted) {
      for (const goOn of this.waiting.splice(0)) goOn(error);
      await nextTurn();
    }
  }
}

const stores: Store[] = [];
afterEach(async () => {
  for (const store of stores.splice(0)) await store.close();
});

/** A store of what was written by another, so that nothing is in memory. */
async function coldStore(write: (store: Store) => Promise<void>) {
  const first = new SimulatedDisk();
  const writer = await openFileStore({ dir, port: first });
  await write(writer);
  await writer.close();
  const disk = new HeldDisk({ image: first.image() });
  const store = await openFileStore({ dir, port: disk });
  stores.push(store);
  disk.holding = true;
  const copy = async (name: string, bytes: number): Promise<string> => {
    const target = new Uint8Array(bytes);
    const copied = await store.readInto!(name, "start", target);
    return Buffer.from(target.buffer, 0, copied.bytes).toString("latin1");
  };
  return { disk, copy };
}

/** Queues of a page each. */
async function pages(store: Store): Promise<void> {
  for (let n = 0; n < 100; n += 1) {
    await store.open(`${n}`);
    await store.append(`${n}`, [Buffer.from(page(n))]);
  }
}
const page = (n: number): string => `${n} `.padEnd(pageBytes, "x");
const everyPage = Array.from({ length: 100 }, (_, n) => n);

describe("copies of what is not in memory", () => {
  it("by a hundred at once are read into sixteen buffers, each in its turn", async () => {
    const { disk, copy } = await coldStore(pages);
    const order: number[] = [];
    const copyNoted = async (n: number): Promise<string> => {
      const text = await copy(`${n}`, pageBytes);
      order.push(n);
      return text;
    };
    const all = Promise.all(everyPage.map(copyNoted));
    await expect.poll(() => disk.reading).toBe(most);
    await disk.letOn(all);
    expect(await all).toEqual(everyPage.map(page));
    expect(order).toEqual(everyPage);
    expect(disk.mostReading).toBe(most);
    expect(disk.buffers.size).toBe(most);
  });

  it("that fail give their buffers to the others", async () => {
    const { disk, copy } = await coldStore(pages);
    const failed = Promise.allSettled(everyPage.map((n) => copy(`${n}`, pageBytes)));
    await disk.letOn(failed, new Error("EIO"));
    for (const one of await failed) {
      expect(one).toMatchObject({ status: "rejected", reason: { code: "STORE_FAILED" } });
    }
    const all = Promise.all(everyPage.map((n) => copy(`${n}`, pageBytes)));
    await disk.letOn(all);
    expect(await all).toEqual(everyPage.map(page));
    expect(disk.buffers.size).toBe(most);
  });

  it("keep a buffer until the last read into it is over, if another fails before", async () => {
    const { disk, copy } = await coldStore(async (store) => {
      await store.open("scattered");
      await store.open("between");
      for (let n = 0; n < 4; n += 1) {
        await store.append("scattered", [Buffer.from(`message ${n} `)]);
        await store.append("between", [Buffer.from(page(n))]);
      }
    });
    let over = false;
    const failed = copy("scattered", 1000).finally(() => (over = true));
    failed.catch(() => {});
    await expect.poll(() => disk.waiting.length).toBe(4);
    disk.waiting.shift()!(new Error("EIO"));
    for (let turn = 0; turn < 10; turn += 1) await nextTurn();
    expect(over).toBe(false);
    await disk.letOn(failed);
    await expect(failed).rejects.toMatchObject({ code: "STORE_FAILED" });

    const again = copy("scattered", 1000);
    await disk.letOn(again);
    expect(await again).toBe("message 0 message 1 message 2 message 3 ");
  });
});

describe("reads of what is not in memory", () => {
  it("take the memory for it when it is their turn", async () => {
    const first = new SimulatedDisk();
    const writer = await openFileStore({ dir, port: first });
    await pages(writer);
    await writer.close();
    const store = await openFileStore({ dir, port: first });
    stores.push(store);
    // Each read takes a turn of the event loop.
    let now = 0;
    vi.spyOn(performance, "now").mockImplementation(() => (now += 1));
    const taken = vi.spyOn(Buffer, "allocUnsafeSlow");
    onTestFinished(() => void vi.restoreAllMocks());
    const reading = everyPage.map((n) => store.read(`${n}`, "start"));
    expect(taken.mock.calls.length).toBeLessThan(5);
    const texts = (await Promise.all(reading)).map(({ messages }) =>
      Buffer.from(messages[0]!.data).toString("latin1"),
    );
    expect(texts).toEqual(everyPage.map(page));
    expect(taken.mock.calls.length).toBe(100);
  });
});

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
