import { type QueueError, type Store, isQueueError, openFileStore } from "@lazy/fsqueue";
import { describe, expect, it } from "vitest";
import { textsOf } from "./fixtures/check-promises.ts";
import { type DiskImage, FOLDER, SimulatedDisk, seededRandom } from "./fixtures/simulated-disk.ts";

// A loaded machine is slow, not wrong.

const dir = "/disk/store";
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const texts: Record<string, string[]> = { a: [], b: [] };
const removed = "removed";

/**
 * A small log of some segments, closed in good order or left as the death of the process leaves it; but for the
 * zeros ahead of what is written, where no damage can be.
 */
async function writeLog(segmentBytes: number, close: boolean): Promise<DiskImage> {
  const disk = new SimulatedDisk();
  const store = await openFileStore({ dir, port: disk, segmentBytes });
  for (const name of [...Object.keys(texts), removed]) await store.open(name);
  for (const name of Object.keys(texts)) texts[name] = [];
  for (let n = 0; n < 12; n += 1) {
    for (const [name, expected] of Object.entries(texts)) {
      const text = `${name}${n}${"-".repeat((n * 37) % 150)}`;
      expected.push(text);
      await store.append(name, [bytes(text)]);
    }
    await store.append(removed, [bytes("secret")]);
  }
  await store.remove(removed);
  const { diskBytes } = await store.stats();
  const image = disk.image();
  await store.close();
  if (close) return disk.image();
  const files = filesOf(image);
  const last = files.at(-1)!;
  const ahead = files.reduce((sum, { length }) => sum + length, 0) - diskBytes;
  return changed(image, last.path, (file) => file.slice(0, file.length - ahead));
}

/** What a reader finds after this happened to the files: the true messages from the first on, or an error. */
async function expectTruth(image: DiskImage): Promise<"error" | "whole" | "prefix"> {
  let store: Store | undefined;
  const disk = new SimulatedDisk({ image });
  try {
    store = await openFileStore({ dir, port: disk });
    let whole = true;
    for (const [name, expected] of Object.entries(texts)) {
      if ((await store.info(name)) === undefined) {
        whole = false;
        continue;
      }
      const found = await textsOf(store, name);
      expect(found).toEqual(expected.slice(0, found.length));
      if (found.length < expected.length) whole = false;
    }
    return whole ? "whole" : "prefix";
  } catch (error) {
    if (!isQueueError(error)) throw error;
    expectPlace(error);
    return "error";
  } finally {
    await store?.close();
    expect(disk.openFiles).toBe(0);
  }
}

function expectPlace(error: QueueError): void {
  if (error.code === "FOLDER_UNSUITABLE") return; // the version in a header
  expect(error.code).toBe("CORRUPT");
  expect(error.message).toMatch(/lane \d+, segment \d+, offset \d+|message \d+ of queue/);
}

function changed(
  image: DiskImage,
  path: string,
  change: (file: Uint8Array) => Uint8Array,
): DiskImage {
  const copy = new Map(image);
  const file = copy.get(path);
  if (file === undefined || file === FOLDER) throw new Error(path);
  copy.set(path, change(file.slice()));
  return copy;
}

function filesOf(image: DiskImage): { path: string; length: number }[] {
  return [...image].flatMap(([path, entry]) =>
    entry === FOLDER ? [] : [{ path, length: entry.length }],
  );
}

describe("a log cut at any offset", () => {
  it("gives the true messages up to there", async () => {
    const image = await writeLog(64 << 20, false);
    const { path, length } = filesOf(image)[0]!;
    for (let at = 0; at < length; at += 1) {
      const outcome = await expectTruth(changed(image, path, (file) => file.slice(0, at)));
      // The last records are of another queue: without them, all is there.
      expect(outcome).toBe(at < length - 118 ? "prefix" : "whole");
    }
  });

  it("of which it is not the last segment is an error", async () => {
    const image = await writeLog(1500, true);
    const files = filesOf(image);
    expect(files.length).toBeGreaterThan(2);
    const { path, length } = files[0]!;
    for (let at = 0; at < length; at += 7) {
      expect(await expectTruth(changed(image, path, (file) => file.slice(0, at)))).toBe("error");
    }
  });
});

describe("flipped bits", () => {
  it("10,000 of them never give a wrong message", async () => {
    const random = seededRandom(11);
    const outcomes = { error: 0, whole: 0, prefix: 0 };
    const images = [await writeLog(64 << 20, true), await writeLog(64 << 20, false)];
    images.push(await writeLog(1500, true));
    for (let flip = 0; flip < 10_000; flip += 1) {
      const image = images[flip % images.length]!;
      const files = filesOf(image);
      const { path, length } = files[Math.floor(random() * files.length)]!;
      const at = Math.floor(random() * length);
      const bit = 1 << Math.floor(random() * 8);
      const outcome = await expectTruth(
        changed(image, path, (file) => {
          file[at]! ^= bit;
          return file;
        }),
      );
      outcomes[outcome] += 1;
    }
    expect(outcomes.error).toBeGreaterThan(5000);
  });

  it("in a log that was closed are always told, with the queue they hit", async () => {
    const image = await writeLog(64 << 20, true);
    const { path, length } = filesOf(image)[0]!;
    const named = new Set<unknown>();
    // The last block is the mark of the closing itself.
    for (let at = 64; at < length - 60; at += 1) {
      const damaged = changed(image, path, (file) => {
        file[at]! ^= 16;
        return file;
      });
      const opening = openFileStore({ dir, port: new SimulatedDisk({ image: damaged }) });
      const error: unknown = await opening.catch((reason: unknown) => reason);
      if (!isQueueError(error, "CORRUPT")) throw new Error(`nothing was told of byte ${at}`);
      named.add(error.details["queue"]);
    }
    expect([...named]).toEqual(expect.arrayContaining(["a", "b", removed]));
  });
});

describe("a first sector that is gone", () => {
  it.each([true, false])("is told, and nothing cut off: closed %s", async (close) => {
    const image = await writeLog(64 << 20, close);
    const { path, length } = filesOf(image)[0]!;
    for (const byte of [0, 7, 255]) {
      const damaged = changed(image, path, (file) => file.fill(byte, 0, 512));
      const disk = new SimulatedDisk({ image: damaged });
      await expect(openFileStore({ dir, port: disk })).rejects.toMatchObject({ code: "CORRUPT" });
      expect(disk.image().get(path)).toEqual(damaged.get(path));
      await (await openFileStore({ dir, port: disk, salvage: () => {} })).close();
      const kept = disk.image().get(`${path}.damaged`) as Uint8Array;
      expect(kept.slice(0, length)).toEqual(damaged.get(path));
    }
  });
});

describe("damage that happens while the store is open", () => {
  it("is told by the read that meets it", async () => {
    const image = await writeLog(64 << 20, true);
    const { path } = filesOf(image)[0]!;
    const disk = new SimulatedDisk({ image });
    const store = await openFileStore({ dir, port: disk });
    const descriptor = await disk.open(path, "write");
    const { length } = filesOf(image)[0]!;
    await disk.write(descriptor, new Uint8Array(length - 64), 0, length - 64, 64);
    await expect(store.read("a", "start")).rejects.toMatchObject({
      code: "CORRUPT",
      details: { lane: 1, segment: 1, queue: "a", sequence: 0 },
    });
    await store.close();
  });
});

describe("salvage", () => {
  it("keeps the damaged file beside the others", async () => {
    const image = await writeLog(1500, true);
    const { path } = filesOf(image)[0]!;
    const damaged = changed(image, path, (file) => file.fill(0, 200, 260));
    const disk = new SimulatedDisk({ image: damaged });
    await (await openFileStore({ dir, port: disk, salvage: () => {} })).close();
    expect(disk.image().get(`${path}.damaged`)).toEqual(damaged.get(path));
    expect(disk.image().has(path)).toBe(false);
  });

  it("goes on without what is damaged, tells what is lost, and heals the log", async () => {
    const random = seededRandom(5);
    const images = [await writeLog(64 << 20, true), await writeLog(1500, true)];
    for (let round = 0; round < 300; round += 1) {
      const image = images[round % images.length]!;
      const files = filesOf(image);
      const { path, length } = files[Math.floor(random() * files.length)]!;
      const isLast = path === files.at(-1)!.path;
      // Damage to the very end cannot be told from what a crash tears: nothing after it proves otherwise.
      const at = Math.floor(random() * (isLast ? length - 450 : length));
      const damaged = changed(image, path, (file) =>
        round % 10 === 1 && !isLast
          ? file.slice(0, at)
          : file.fill(Math.floor(random() * 256), at, at + 1 + Math.floor(random() * 200)),
      );
      const disk = new SimulatedDisk({ image: damaged });
      const lost = new Map<string | undefined, number>();
      const store = await openFileStore({
        dir,
        port: disk,
        salvage: ({ queue, from, to }) =>
          lost.set(queue, (lost.get(queue) ?? 0) + Number(to) - Number(from)),
      });
      const kept = await keptOf(store);
      for (const [name, found] of kept) {
        const missing = texts[name]!.length - found.length;
        // What is missing at the end leaves no trace; in between all is told.
        const between = texts[name]!.indexOf(found.at(-1) ?? "") + 1 - found.length;
        expect(lost.get(name) ?? 0).toBeGreaterThanOrEqual(Math.max(0, Math.min(missing, between)));
        const { offset } = await store.append(name, [bytes("after")]);
        expect(Number(offset)).toBeGreaterThan(texts[name]!.length);
      }
      await store.close();
      const again = await openFileStore({ dir, port: disk });
      for (const [name, found] of kept)
        expect(await textsOf(again, name)).toEqual([...found, "after"]);
      await again.close();
    }
  });
});

/** The messages that are left of each queue; each must be a true one, and in order. */
async function keptOf(store: Store): Promise<Map<string, string[]>> {
  const kept = new Map<string, string[]>();
  for (const [name, expected] of Object.entries(texts)) {
    if ((await store.info(name)) === undefined) continue;
    const found = await textsOf(store, name);
    const places = found.map((text) => expected.indexOf(text));
    expect(places).toEqual(places.toSorted((a, b) => a - b));
    expect(places).not.toContain(-1);
    kept.set(name, found);
  }
  return kept;
}
