import { type Store, openFileStore } from "@lazy/fsqueue";
import { createManualClock } from "@lazy/fsqueue/testing";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { textsOf } from "./fixtures/check-promises.ts";
import { type DiskImage, FOLDER, SimulatedDisk } from "./fixtures/simulated-disk.ts";
import { Comparison } from "./fixtures/store-comparison.ts";
import { dumpStore } from "./fixtures/store-dump.ts";
import { steps } from "./fixtures/store-steps.ts";

// A loaded machine is slow, not wrong.

const dir = "/disk/store";
const snapshot = `${dir}/index.snapshot`;
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const clock = createManualClock();

function open(disk: SimulatedDisk, segmentBytes = 64 << 20, indexBytes = 0): Promise<Store> {
  return openFileStore({ dir, port: disk, segmentBytes, indexBytes, clock });
}

/** What is found in an image, read without writing to it. */
async function found(image: DiskImage): Promise<unknown> {
  const disk = new SimulatedDisk({ image });
  const store = await openFileStore({ dir, port: disk, readonly: true, clock });
  const dump = await dumpStore(store, ["g", "workers"]);
  await store.close();
  expect(disk.openFiles).toBe(0);
  return dump;
}

function without(image: DiskImage, path = snapshot): DiskImage {
  return new Map([...image].filter(([name]) => name !== path));
}

function changed(image: DiskImage, change: (file: Uint8Array) => Uint8Array): DiskImage {
  return new Map(image).set(snapshot, change(bytesOf(image, snapshot).slice()));
}

function bytesOf(image: DiskImage, path: string): Uint8Array {
  const file = image.get(path);
  if (file === undefined || file === FOLDER) throw new Error(`${path} is not there`);
  return file;
}

/** The bytes that an opening reads of the segments. */
async function bytesScanned(image: DiskImage): Promise<number> {
  let scanned = 0;
  const disk = new SimulatedDisk({ image });
  const read = disk.read.bind(disk);
  const segments = new Set<number>();
  const openFile = disk.open.bind(disk);
  disk.open = async (path, mode) => {
    const descriptor = await openFile(path, mode);
    if (path.endsWith(".seg")) segments.add(descriptor);
    return descriptor;
  };
  disk.read = async (descriptor, ...rest) => {
    const count = await read(descriptor, ...rest);
    if (segments.has(descriptor)) scanned += count;
    return count;
  };
  await (await openFileStore({ dir, port: disk, readonly: true, clock })).close();
  return scanned;
}

/** Queues with everything that a queue can have. */
async function fill(store: Store): Promise<void> {
  await store.open("plain");
  await store.open("empty", { metadata: { a: "1" }, maxMessages: 9, maxBytes: 900 });
  await store.open("ttl", { ttlMs: 60_000, messages: [bytes("t")] });
  await store.open("owned", { owned: true, messages: [bytes("o")] });
  await store.open("gone", { messages: [bytes("x")] });
  const producer = { id: "p", epoch: 1, sequence: 0 };
  await store.append("plain", [bytes("0"), bytes("1"), bytes("2")], { producer, order: "b" });
  const { offset } = await store.append("plain", [bytes("3")]);
  await store.open("fork", { fork: { from: "plain" } });
  await store.open("kept", { messages: [bytes("k")] });
  await store.open("of-kept", { fork: { from: "kept" } });
  await store.append("fork", [bytes("f")]);
  await store.cursors.set("plain", "g", offset);
  await store.take("plain", 1);
  await store.leases?.acquire("plain", "workers", {
    max: 2,
    visibilityMs: 1000,
    maxDeliveries: 1,
  });
  await store.leases?.acknowledge("plain", "workers", [offset]);
  await store.remove("gone");
  await store.remove("kept");
  await store.seal("empty", { status: "error", message: "m" }, { messages: [bytes("last")] });
}

async function filled(): Promise<DiskImage> {
  const disk = new SimulatedDisk();
  const store = await open(disk);
  await fill(store);
  await store.close();
  return disk.image();
}

describe("a snapshot of the index", () => {
  it("gives what the log gives", async () => {
    const image = await filled();
    expect(await found(image)).toEqual(await found(without(image)));
  });

  it("keeps producers, orders and names that are taken", async () => {
    const disk = new SimulatedDisk({ image: await filled() });
    const store = await open(disk);
    const producer = { id: "p", epoch: 1, sequence: 0 };
    expect((await store.append("plain", [bytes("0")], { producer })).duplicate).toBe(true);
    await expect(store.append("plain", [bytes("x")], { order: "a" })).rejects.toMatchObject({
      code: "ORDER_CONFLICT",
    });
    await expect(store.open("kept")).rejects.toMatchObject({ code: "QUEUE_REMOVED" });
    expect(await textsOf(store, "of-kept")).toEqual(["k"]);
    expect((await store.open("gone")).created).toBe(true);
    clock.advance(70_000);
    expect(await store.info("ttl")).toBeUndefined();
    await store.close();
  });

  it("is read on from where it ends", async () => {
    const before = await filled();
    const disk = new SimulatedDisk({ image: before });
    const store = await open(disk);
    await store.append("plain", [bytes("later")]);
    await store.open("new", { messages: [bytes("n")] });
    await store.remove("fork");
    await store.trim("owned", "now");
    await store.flush();
    const stale = disk.image();
    expect(bytesOf(stale, snapshot)).toEqual(bytesOf(before, snapshot));
    expect(await found(stale)).toEqual(await found(without(stale)));
    await store.close();
  });

  it("damaged at any byte, or cut there, changes nothing", async () => {
    const image = await filled();
    const expected = await found(image);
    const { length } = bytesOf(image, snapshot);
    for (let at = 0; at < length; at += 1) {
      const flipped = changed(image, (file) => {
        file[at]! ^= 1 << (at % 8);
        return file;
      });
      expect(await found(flipped)).toEqual(expected);
      const cut = changed(image, (file) => file.slice(0, at));
      expect(await found(cut)).toEqual(expected);
    }
  });

  it("of a segment that was cut back is not believed", async () => {
    const image = await filled();
    const segment = `${dir}/lane-000001/0000000001.seg`;
    const { length } = bytesOf(image, segment);
    for (let at = 64; at < length; at += 3) {
      const cut = new Map(image).set(segment, bytesOf(image, segment).slice(0, at));
      expect(await found(cut)).toEqual(await found(without(cut)));
    }
  });

  it("of another history of the same segment is not believed", async () => {
    const start = new SimulatedDisk();
    const store = await open(start);
    await store.open("q");
    await store.open("r");
    const base = start.image();
    /** The blocks of all histories stand at the same places. */
    const history = async (names: readonly string[]): Promise<DiskImage> => {
      const disk = new SimulatedDisk({ image: base });
      for (const name of names) {
        const again = await open(disk);
        await again.append(name, [bytes("text")]);
        await again.close();
      }
      return disk.image();
    };
    const old = bytesOf(await history(["q"]), snapshot);
    const mixed = new Map(await history(["r"])).set(snapshot, old);
    expect(await found(mixed)).toEqual(await found(without(mixed)));
    await store.close();
  });

  it("that names a segment that was deleted is not believed", async () => {
    const disk = new SimulatedDisk();
    let store = await open(disk, 2000);
    await store.open("q");
    for (let n = 0; n < 60; n += 1) await store.append("q", [bytes(`${n}`.padEnd(100))]);
    await store.close();
    const old = bytesOf(disk.image(), snapshot);
    store = await open(disk, 2000);
    await store.trim("q", "now");
    clock.advance(1000);
    const first = `${dir}/lane-000001/0000000001.seg`;
    await expect.poll(() => disk.image().has(first)).toBe(false);
    await store.append("q", [bytes("after")]);
    await store.close();
    const mixed = new Map(disk.image()).set(snapshot, old);
    expect(await found(mixed)).toEqual(await found(without(mixed)));
  });

  it("is not believed by who salvages, and removed", async () => {
    const disk = new SimulatedDisk({ image: await filled() });
    const store = await openFileStore({ dir, port: disk, salvage: () => {} });
    expect(disk.image().has(snapshot)).toBe(false);
    await store.close();
  });

  it("is written in the background when a segment is closed", async () => {
    const disk = new SimulatedDisk();
    const store = await open(disk, 4000, 1000);
    await store.open("q");
    for (let n = 0; n < 100; n += 1) await store.append("q", [bytes(`${n}`.padEnd(100))]);
    await expect.poll(() => disk.image().has(snapshot)).toBe(true);
    const image = disk.image();
    expect(await found(image)).toEqual(await found(without(image)));
    expect(await bytesScanned(image)).toBeLessThan(await bytesScanned(without(image)));
    await store.close();
  });

  it("takes nothing twice of what is written while it is", async () => {
    let store: Store | undefined;
    let during = 0;
    const disk = new SimulatedDisk({
      onOperation(operation, path) {
        if (operation !== "write" || !path.endsWith("index.snapshot.new") || during++ > 0) return;
        // The first queues stand in the file by now, the last ones do not yet.
        for (const name of ["queue-0", "queue-600"]) {
          void store?.append(name, [bytes("meanwhile")]);
          const lease = { max: 1, visibilityMs: 10, maxDeliveries: 2 };
          void store?.leases?.acquire(name, "workers", lease);
        }
        for (const name of ["queue-1", "queue-601"]) void store?.remove(name);
        void store?.open("meanwhile");
      },
    });
    store = await open(disk, 256 << 10, 1000);
    const metadata = { filler: "x".repeat(200) };
    for (let queue = 0; queue < 602; queue += 1) {
      await store.open(`queue-${queue}`, { metadata, messages: [bytes("first")] });
    }
    await store.append("queue-2", [new Uint8Array(256 << 10)]);
    await store.append("queue-2", [bytes("in the next segment")]);
    await expect.poll(() => disk.image().has(snapshot)).toBe(true);
    await store.flush();
    clock.advance(1000);
    const image = disk.image();
    expect(during).toBeGreaterThan(2);
    expect(await found(image)).toEqual(await found(without(image)));
    await store.close();
  });
});

describe("any history", () => {
  it("gives the same with a snapshot as without, at every death of the process", async () => {
    const property = fc.asyncProperty(steps, fc.boolean(), async (calls, small) => {
      const disk = new SimulatedDisk();
      const sizes = [small ? 1500 : 64 << 20, small ? 500 : 0] as const;
      let store = await open(disk, ...sizes);
      const comparison = new Comparison();
      for (const step of calls) {
        if (step.kind === "restart") {
          await store.close();
          await same(disk.image());
          store = await open(disk, ...sizes);
        } else await comparison.take(step, store);
      }
      await same(disk.image());
      await store.close();
      await same(disk.image());
      store = await open(disk, ...sizes);
      await comparison.all(store);
      await store.close();
    });
    await expect(fc.assert(property, { numRuns: 300 })).resolves.toBeUndefined();
  });
});

async function same(image: DiskImage): Promise<void> {
  if (!image.has(snapshot)) return;
  expect(await found(image)).toEqual(await found(without(image)));
}
