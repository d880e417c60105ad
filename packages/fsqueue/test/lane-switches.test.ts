import { type FileStore, openFileStore } from "@lazy/fsqueue";
import { createManualClock } from "@lazy/fsqueue/testing";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { textsOf } from "./fixtures/check-promises.ts";
import { codeOf } from "./fixtures/code-of.ts";
import { SimulatedDisk, systemError } from "./fixtures/simulated-disk.ts";

const dir = "/disk/store";
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const lease = { max: 1, visibilityMs: 1000, maxDeliveries: 9 };

type Held = "read" | "write" | "sync" | "syncFolder";

/** A disk whose operations of a kind can be held, and whose files of some lanes refuse to become durable. */
class HeldDisk extends SimulatedDisk {
  refusing = "nothing";
  /** How often each kind was asked for. */
  readonly asked = { read: 0, write: 0, sync: 0, syncFolder: 0 };
  /** Writes to a file that was closed meanwhile: by then another one may have its number. */
  lateWrites = 0;
  readonly #held = new Map<Held, Promise<void>>();

  constructor() {
    super({
      fail: (operation, path) =>
        operation === "sync" && path.includes(this.refusing) ? systemError("EIO", path) : undefined,
    });
  }

  /** Hold operations of this kind; returns what lets them go. */
  hold(kind: Held): () => void {
    let release = (): void => {};
    this.#held.set(kind, new Promise((resolve) => (release = resolve)));
    return () => {
      this.#held.delete(kind);
      release();
    };
  }

  async #pass(kind: Held): Promise<void> {
    this.asked[kind] += 1;
    await this.#held.get(kind);
  }

  override async read(...call: Parameters<SimulatedDisk["read"]>): Promise<number> {
    await this.#pass("read");
    return super.read(...call);
  }

  override async write(...call: Parameters<SimulatedDisk["write"]>): Promise<number> {
    const isHeader = call[3] === 64;
    if (!isHeader) await this.#pass("write");
    try {
      return await super.write(...call);
    } catch (error) {
      this.lateWrites += 1;
      throw error;
    }
  }

  override async sync(descriptor: number): Promise<void> {
    await this.#pass("sync");
    return super.sync(descriptor);
  }

  override async syncFolder(path: string): Promise<void> {
    await this.#pass("syncFolder");
    return super.syncFolder(path);
  }
}

async function openHeld(
  durability: "written" | "synced" = "written",
  clock = createManualClock(),
): Promise<{ disk: HeldDisk; store: FileStore }> {
  const disk = new HeldDisk();
  const store = await openFileStore({ dir, port: disk, durability, clock, memoryBytes: 0 });
  await store.open("q", { messages: [bytes("before")] });
  await store.flush();
  return { disk, store };
}

/** Nothing is tried again because its time is up. */
function stopTimers(): void {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  onTestFinished(() => void vi.useRealTimers());
}

async function turns(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

async function textsAfterCut(disk: SimulatedDisk): Promise<string[]> {
  const image = disk.cuts(() => 0)[0]!.image;
  const again = await openFileStore({ dir, port: new SimulatedDisk({ image }) });
  const texts = await textsOf(again, "q");
  await again.close();
  return texts.map((text) => text.slice(0, 10).trim());
}

describe("when no lane can be opened", () => {
  it("who compacts is told", async () => {
    stopTimers();
    const { disk, store } = await openHeld();
    // Needed, and to be copied; so much of it that another thread reads it.
    await store.append("q", [new Uint8Array(300_000)]);
    await store.open("busy", { messages: [new Uint8Array(3_000_000)] });
    await store.remove("busy");
    await store.append("q", [bytes("written")]);
    const release = disk.hold("read");
    const { read } = disk.asked;
    const compacting = codeOf(store.compact());
    await expect.poll(() => disk.asked.read).toBeGreaterThan(read);
    await store.append("q", [bytes("not durable")]);
    disk.refusing = "lane";
    for (let n = 0; n < 2; n += 1) expect(await codeOf(store.flush())).toBe("STORE_FAILED");
    release();
    expect(await compacting).toBe("STORE_FAILED");
    disk.refusing = "nothing";
    await store.append("q", [bytes("after")], { durable: true });
    expect((await textsAfterCut(disk)).slice(2)).toEqual(["written", "not durabl", "after"]);
    await store.close();
  });

  it.each<[string, (store: FileStore) => Promise<unknown>]>([
    ["leases", (store) => store.leases!.acquire("q", "g", lease)],
    ["gives back", (store) => store.leases!.release("q", "g", ["0000000000000001"])],
    ["acknowledges", (store) => store.leases!.acknowledge("q", "g", ["0000000000000001"])],
    ["compacts", (store) => store.compact()],
    ["asks that all be durable", (store) => store.flush()],
  ])("who %s is told, and has one opened as soon as one can be", async (_, call) => {
    stopTimers();
    const { disk, store } = await openHeld();
    await store.append("q", [new Uint8Array(10_000)]);
    await store.trim("q", "now");
    await store.append("q", [bytes("not durable")]);
    disk.refusing = "lane";
    expect(await codeOf(store.flush())).toBe("STORE_FAILED");
    expect(await codeOf(call(store))).toBe("STORE_FAILED");
    disk.refusing = "nothing";
    expect(await codeOf(call(store))).toBe("resolved");
    await store.close();
    expect(disk.openFiles).toBe(0);
  });

  it("who closes is told, and nothing is left open or under way", async () => {
    stopTimers();
    const { disk, store } = await openHeld();
    await store.append("q", [bytes("not durable")]);
    disk.refusing = "lane";
    expect(await codeOf(store.flush())).toBe("STORE_FAILED");
    expect(await codeOf(store.close())).toBe("STORE_FAILED");
    expect(disk.openFiles).toBe(0);
    expect(vi.getTimerCount()).toBe(0);
    const { operations } = disk;
    await turns();
    expect(disk.operations).toBe(operations);
  });
});

describe("while a lane is being opened", () => {
  it("a queue whose time is up then is given back once it is open", async () => {
    const clock = createManualClock();
    const { disk, store } = await openHeld("written", clock);
    await store.open("short", { ttlMs: 1000 });
    disk.refusing = "lane-000001";
    const release = disk.hold("syncFolder");
    const { syncFolder } = disk.asked;
    const flushed = store.flush();
    await expect.poll(() => disk.asked.syncFolder).toBeGreaterThan(syncFolder);
    clock.advance(1000);
    release();
    await flushed;
    await store.flush();
    expect((await store.stats()).queues).toBe(1);
    await store.close();
  });

  it("who closes waits for it, and for what it carries", async () => {
    const { disk, store } = await openHeld();
    await store.append("q", [bytes("carried")]);
    disk.refusing = "lane-000001";
    const release = disk.hold("syncFolder");
    const flushed = store.flush();
    const { syncFolder } = disk.asked;
    await expect.poll(() => disk.asked.syncFolder).toBeGreaterThan(syncFolder);
    const closing = store.close();
    await turns();
    expect(disk.openFiles).toBeGreaterThan(0);
    release();
    await Promise.all([flushed, closing]);
    expect(disk.openFiles).toBe(0);
    expect(await textsAfterCut(disk)).toEqual(["before", "carried"]);
  });

  it("who closes waits for one that is opened because of that", async () => {
    const { disk, store } = await openHeld("synced");
    disk.refusing = "lane-000001";
    const release = disk.hold("syncFolder");
    const { syncFolder } = disk.asked;
    const closing = store.close();
    await expect.poll(() => disk.asked.syncFolder).toBeGreaterThan(syncFolder);
    await turns();
    release();
    await closing;
    expect(disk.openFiles).toBe(0);
    const { operations } = disk;
    await turns();
    expect(disk.operations).toBe(operations);
    expect(await textsAfterCut(disk)).toEqual(["before"]);
  });

  it.each([
    ["being written", 1000, 1],
    ["laid down", 100_000, 0],
  ])(
    "and the rest cannot be carried, what is %s is given up in good order",
    async (_, size, writes) => {
      const { disk, store } = await openHeld();
      await store.append("q", [bytes("first".padEnd(100_000))]);
      const segment = `${dir}/lane-000001/0000000001.seg`;
      const { length } = disk.image().get(segment) as Uint8Array;
      await store.append("q", [bytes("second".padEnd(size))]);
      // What the file does not make durable the system may forget; here it will remember it.
      const descriptor = await disk.open(segment, "write");
      const there = (disk.image().get(segment) as Uint8Array).slice(length, length + 500);
      disk.writeNow(descriptor, new Uint8Array(500), 0, 500, length);
      disk.refusing = "lane-000001";
      const release = disk.hold("write");
      const { write } = disk.asked;
      const flushed = codeOf(store.flush());
      await expect.poll(() => disk.asked.write).toBe(write + writes);
      await turns();
      release();
      expect(await flushed).toBe("STORE_FAILED");
      expect(disk.lateWrites).toBe(0);
      disk.writeNow(descriptor, there, 0, 500, length);
      await disk.close(descriptor);
      await store.append("q", [bytes("after")], { durable: true });
      expect(await textsAfterCut(disk)).toEqual(["before", "first", "second", "after"]);
      await store.close();
      expect(disk.openFiles).toBe(0);
    },
  );

  it("all fails when the file of the new one refuses to become durable meanwhile", async () => {
    stopTimers();
    const { disk, store } = await openHeld();
    await store.append("q", [bytes("carried".padEnd(100_000))]);
    disk.refusing = "lane-000001";
    const release = disk.hold("write");
    const { write } = disk.asked;
    const flushed = codeOf(store.flush());
    await expect.poll(() => disk.asked.write).toBeGreaterThan(write);
    disk.refusing = "lane";
    // The time is up for what was written.
    vi.advanceTimersByTime(1000);
    await turns();
    release();
    expect(await flushed).toBe("STORE_FAILED");
    disk.refusing = "nothing";
    await store.append("q", [bytes("after")], { durable: true });
    expect(await textsAfterCut(disk)).toEqual(["before", "carried", "after"]);
    await store.close();
    expect(disk.openFiles).toBe(0);
  });
});
