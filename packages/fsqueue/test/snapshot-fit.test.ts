import { type FileStore, openFileStore } from "@lazy/fsqueue";
import { createManualClock } from "@lazy/fsqueue/testing";
import { describe, expect, it } from "vitest";
import { crcOf } from "./fixtures/segment-bytes.ts";
import { type DiskImage, SimulatedDisk, systemError } from "./fixtures/simulated-disk.ts";
import { dumpStore } from "./fixtures/store-dump.ts";

const dir = "/disk/store";
const snapshot = `${dir}/index.snapshot`;
const clock = createManualClock();
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const pathOf = (number: number): string => `${dir}/lane-000001/000000000${number}.seg`;
const fileOf = (image: DiskImage, path: string): Uint8Array => image.get(path) as Uint8Array;

function open(port: SimulatedDisk): Promise<FileStore> {
  return openFileStore({ dir, port, clock, segmentBytes: 2000, indexBytes: 0 });
}

function without(image: DiskImage, path = snapshot): DiskImage {
  return new Map([...image].filter(([name]) => name !== path));
}

/** What is found in an image, or the code of the error that tells of it. */
async function found(image: DiskImage): Promise<unknown> {
  const disk = new SimulatedDisk({ image });
  try {
    await using store = await openFileStore({ dir, port: disk, readonly: true, clock });
    return await dumpStore(store, []);
  } catch (error) {
    return (error as { code?: unknown }).code;
  }
}

/** The same as without the snapshot, and not what it would be if the snapshot were believed. */
async function expectIgnored(image: DiskImage, believed: unknown): Promise<void> {
  const scanned = await found(without(image));
  expect(scanned).not.toEqual(believed);
  expect(await found(image)).toEqual(scanned);
}

/** Messages of these lengths on top of what an image holds. */
async function goOn(image: DiskImage, lengths: readonly number[]): Promise<DiskImage> {
  const disk = new SimulatedDisk({ image });
  const store = await open(disk);
  for (const length of lengths) await store.append("q", [new Uint8Array(length)]);
  await store.close();
  return disk.image();
}

async function begun(): Promise<DiskImage> {
  const disk = new SimulatedDisk();
  const store = await open(disk);
  await store.open("q");
  await store.close();
  return disk.image();
}

describe("a snapshot does not fit", () => {
  it("another folder", async () => {
    const image = await goOn(await begun(), [5000, 5000, 5000]);
    const file = fileOf(image, snapshot).slice();
    const view = new DataView(file.buffer);
    // Right in all but the number of the folder.
    view.setUint32(8, view.getUint32(8, true) + 1, true);
    view.setUint32(52, crcOf(file.subarray(64), view.getUint32(8, true)), true);
    view.setUint32(60, crcOf(file.subarray(0, 60), 0), true);
    expect(await scans(image)).toBe(false);
    expect(await scans(new Map(image).set(snapshot, file))).toBe(true);
  });

  it("a segment of another history, though it is as long", async () => {
    const base = await begun();
    const image = await goOn(base, [3000, 900, 1100, 3000, 10]);
    const other = await goOn(base, [3000, 1100, 900, 3000, 10]);
    const mixed = new Map(image).set(pathOf(2), fileOf(other, pathOf(2)));
    expect(fileOf(mixed, pathOf(2)).length).toBe(fileOf(image, pathOf(2)).length);
    await expectIgnored(mixed, "CORRUPT");
  });

  it("a segment that is shorter, also where no other one says so", async () => {
    const disk = new SimulatedDisk({ image: await goOn(await begun(), [30_000]) });
    const store = await open(disk);
    await store.open("busy");
    for (let n = 0; n < 5; n += 1) await store.append("busy", [new Uint8Array(1000)]);
    await store.remove("busy");
    await store.compact();
    await store.append("q", [bytes("after")]);
    await store.close();
    const image = disk.image();
    expect(image.has(pathOf(1)) && !image.has(pathOf(2))).toBe(true);
    const cut = new Map(image).set(pathOf(1), fileOf(image, pathOf(1)).slice(0, -500));
    await expectIgnored(cut, await found(image));
  });

  it("a newest segment that was cut back, though the bytes before its place are zeros", async () => {
    let refusing = false;
    const disk = new SimulatedDisk({
      fail: (operation, path) =>
        refusing && operation === "write" && path.endsWith(".seg")
          ? systemError("ENOSPC", path)
          : undefined,
    });
    const store = await open(disk);
    await store.open("q", { messages: [bytes("first")] });
    await store.append("q", [new Uint8Array(6000)], { durable: true });
    refusing = true; // the mark of the closing would stand behind them
    await store.close();
    const image = disk.image();
    expect(await scans(image)).toBe(false);
    const cut = new Map(image).set(pathOf(1), fileOf(image, pathOf(1)).slice(0, -100));
    await expectIgnored(cut, await found(image));
  });

  it("a folder with a segment that it does not name", async () => {
    const before = await goOn(await begun(), [3000]);
    const disk = new SimulatedDisk({ image: before });
    const store = await open(disk);
    await store.open("busy");
    await store.remove("q");
    await store.append("busy", [new Uint8Array(2000)]);
    await store.open("r", { messages: [bytes("r")] });
    // Nothing tells any more that this queue was removed.
    await store.remove("busy");
    await store.compact();
    await store.close();
    const image = disk.image();
    expect(image.has(pathOf(1))).toBe(false);
    const restored = new Map(image).set(pathOf(1), fileOf(before, pathOf(1)));
    await expectIgnored(restored, await found(image));
  });
});

describe("a snapshot from which the log cannot be read on at once", () => {
  it("leaves nothing behind: the log is read as a whole", async () => {
    const before = await goOn(await begun(), [3000, 1000]);
    // The process that goes on writes a newer segment, and dies.
    const dying = new SimulatedDisk({ image: before });
    const store = await open(dying);
    for (const text of ["a", "b"]) await store.append("q", [bytes(text.padEnd(3000))]);
    await store.remove("q");
    await store.open("r", { messages: [bytes("r")] });
    const image = dying.image();
    const expected = await found(without(image));
    let failing = 1;
    const newest = [...image.keys()].findLast((path) => path.endsWith(".seg"));
    class TroubledDisk extends SimulatedDisk {
      newest = -1;
      override async open(...call: Parameters<SimulatedDisk["open"]>): Promise<number> {
        const descriptor = await super.open(...call);
        if (call[0] === newest) this.newest = descriptor;
        return descriptor;
      }
      override async read(...call: Parameters<SimulatedDisk["read"]>): Promise<number> {
        // Its header is read, the rest is not.
        if (call[0] === this.newest && call[4] >= 64 && failing-- > 0) {
          throw systemError("EIO", String(newest));
        }
        return super.read(...call);
      }
    }
    const disk = new TroubledDisk({ image });
    const again = await openFileStore({ dir, port: disk, readonly: true, clock });
    expect(failing).toBeLessThan(1);
    expect(await dumpStore(again, [])).toEqual(expected);
    const segments = [...image.keys()].filter((path) => path.endsWith(".seg"));
    const size = segments.reduce((sum, path) => sum + fileOf(image, path).length, 0);
    expect((await again.stats()).diskBytes).toBe(size);
    await again.close();
    expect(disk.openFiles).toBe(0);
  });
});

/** Whether an opening reads a segment as a whole: more than is compared with a snapshot. */
async function scans(image: DiskImage): Promise<boolean> {
  let largest = 0;
  class WatchedDisk extends SimulatedDisk {
    override async read(...call: Parameters<SimulatedDisk["read"]>): Promise<number> {
      const count = await super.read(...call);
      largest = Math.max(largest, count);
      return count;
    }
  }
  const port = new WatchedDisk({ image });
  await (await openFileStore({ dir, port, readonly: true, clock })).close();
  return largest > 4096;
}
