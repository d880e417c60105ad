import { getEventListeners } from "node:events";
import { type Clock, type Store, createMemoryStore, openFileStore } from "@lazy/fsqueue";
import { createManualClock } from "@lazy/fsqueue/testing";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { textsOf } from "./fixtures/check-promises.ts";
import { readSegment } from "./fixtures/segment-bytes.ts";
import { SimulatedDisk } from "./fixtures/simulated-disk.ts";

const dir = "/disk/store";
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const lease = { max: 1, visibilityMs: 60_000, maxDeliveries: 9 };

async function openOn(disk: SimulatedDisk, clock?: Clock) {
  return openFileStore({ dir, port: disk, ...(clock === undefined ? {} : { clock }) });
}

describe("a call", () => {
  it("leaves nothing on its signal", async () => {
    const store = await openOn(new SimulatedDisk());
    await store.open("q");
    const { signal } = new AbortController();
    const appending = store.append("q", [bytes("a")], { signal });
    expect(getEventListeners(signal, "abort")).toHaveLength(1);
    await appending;
    expect(getEventListeners(signal, "abort")).toHaveLength(0);
    await store.close();
  });

  it("is told that the name of a group is none", async () => {
    const store = await openOn(new SimulatedDisk());
    await store.open("q");
    for (const group of ["", "a\0b", "g".repeat(5000)]) {
      const refused = { code: "NAME_INVALID" };
      await expect(store.cursors.set("q", group, "0000000000000000")).rejects.toMatchObject(
        refused,
      );
      await expect(store.leases!.acquire("q", group, lease)).rejects.toMatchObject(refused);
    }
    await store.close();
  });

  it("is told of messages that cannot stand together, and of ones that are too large", async () => {
    const disk = new SimulatedDisk();
    const store = await openFileStore({ dir, port: disk, maxMessageBytes: 1 << 30 });
    expect(store.capabilities.maxMessageBytes).toBe(8 << 20);
    await store.open("q");
    const large = new Uint8Array(8 << 20);
    for (const batch of [[new Uint8Array((8 << 20) + 1)], [large, large]]) {
      await expect(store.append("q", batch)).rejects.toMatchObject({ code: "MESSAGE_TOO_LARGE" });
    }
    await store.append("q", [large]);
    await store.close();
  });
});

describe("what is written together", () => {
  it("is whole, whether it is much or stands where one stretch of memory ends", async () => {
    const disk = new SimulatedDisk();
    const store = await openOn(disk);
    await store.open("q");
    const texts: string[] = [];
    const append = (size: number): Promise<unknown> => {
      texts.push(`${texts.length}`.padEnd(size));
      return store.append("q", [bytes(texts.at(-1)!)]);
    };
    for (let round = 0; round < 60; round += 1) {
      await Promise.all(Array.from({ length: 8 }, () => append(900)));
    }
    // More than one block may hold.
    await Promise.all(Array.from({ length: 17 }, () => append(1 << 20)));
    const again = await openOn(new SimulatedDisk({ image: disk.image() }));
    const short = (text: string): string => `${text.trimEnd()} of ${text.length} bytes`;
    expect((await textsOf(again, "q")).map(short)).toEqual(texts.map(short));
    await again.close();
    await store.close();
  });

  it("has a number of its own in each segment, which no block of another can have", async () => {
    const disk = new SimulatedDisk();
    const store = await openFileStore({ dir, port: disk, segmentBytes: 100 });
    await store.open("q");
    for (let n = 0; n < 5; n += 1) await store.append("q", [bytes("a")]);
    await store.close();
    const files = [...disk.image()].filter(([path]) => path.endsWith(".seg"));
    const salts = files.map(([, file]) => Buffer.from(file as Uint8Array).readUInt32LE(8));
    for (const [, file] of files) expect(readSegment(file as Uint8Array)).not.toEqual([]);
    expect(new Set(salts).size).toBe(files.length);
  });
});

describe("a queue whose time is up", () => {
  it("is given back by who asks for it, where no timer has told of it", async () => {
    let now = 1_000_000;
    const clock: Clock = { now: () => now, schedule: () => () => {} };
    const store = await openOn(new SimulatedDisk(), clock);
    await store.open("q", { ttlMs: 1000 });
    now += 1001;
    await expect(store.append("q", [bytes("a")])).rejects.toMatchObject({
      code: "QUEUE_NOT_FOUND",
    });
    await store.flush();
    expect((await store.stats()).queues).toBe(0);
    await store.close();
  });

  it("is not looked after any more when its store is closed", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    onTestFinished(() => void vi.useRealTimers());
    const store = await openOn(new SimulatedDisk());
    await store.open("q", { ttlMs: 1_000_000 });
    await store.close();
    expect(vi.getTimerCount()).toBe(0);
  });

  it("has been used as long as its store was told of it, however short that was", async () => {
    const disk = new SimulatedDisk();
    const clock = createManualClock(100_000);
    const store = await openOn(disk, clock);
    await store.open("q", { ttlMs: 60_000 });
    // Too soon to be worth a record.
    clock.advance(5000);
    await store.read("q", "start");
    await store.close();
    const port = new SimulatedDisk({ image: disk.image() });
    const again = await openOn(port, createManualClock(162_000));
    expect(await again.info("q")).toBeDefined();
    await again.close();
  });
});

describe.each<[string, () => Promise<Store>]>([
  ["memory", async () => createMemoryStore()],
  ["files", () => openOn(new SimulatedDisk())],
])("leases on %s", (_, openStore) => {
  async function opened(...texts: string[]): Promise<{ store: Store; offsets: string[] }> {
    const store = await openStore();
    onTestFinished(() => store.close());
    await store.open("q", { messages: texts.map(bytes) });
    const { messages } = await store.read("q", "start");
    return { store, offsets: messages.map(({ offset }) => offset) };
  }
  const acquire = async (store: Store): Promise<string[]> => {
    const deliveries = await store.leases!.acquire("q", "g", lease);
    return deliveries.map(({ data }) => Buffer.from(data).toString());
  };

  it("are not taken by an acknowledgement of what is not there yet", async () => {
    const { store } = await opened();
    for (const offset of ["0000000000000001", "0000000000000000"]) {
      await store.leases!.acknowledge("q", "g", [offset]);
    }
    await store.append("q", [bytes("a")]);
    expect(await acquire(store)).toEqual(["a"]);
  });

  it("pass over what was taken from the queue, also of one message at a time", async () => {
    const { store } = await opened("a", "b", "c");
    await store.take("q", 2);
    expect(await acquire(store)).toEqual(["c"]);
  });
});

describe("leases in files", () => {
  it("that were given back are free after the death of the process", async () => {
    const disk = new SimulatedDisk();
    const store = await openOn(disk);
    await store.open("q", { messages: [bytes("a")] });
    const [leased] = await store.leases!.acquire("q", "g", lease);
    await store.leases!.release("q", "g", [leased!.offset]);
    const again = await openOn(new SimulatedDisk({ image: disk.image() }));
    const [next] = await again.leases!.acquire("q", "g", lease);
    expect(next?.deliveries).toBe(2);
    await again.close();
    await store.close();
  });

  it("take no room once they are acknowledged, be it twice", async () => {
    const disk = new SimulatedDisk();
    const store = await openOn(disk);
    await store.open("q", { messages: Array.from({ length: 1000 }, () => bytes("a")) });
    const leased = await store.leases!.acquire("q", "g", { ...lease, max: 1000 });
    const offsets = leased.map(({ offset }) => offset);
    for (let n = 0; n < 2; n += 1) await store.leases!.acknowledge("q", "g", offsets);
    await store.compact();
    // A message takes 25 bytes.
    expect((await store.stats()).diskBytes).toBeLessThan(26_000);
    await store.close();
  });
});
