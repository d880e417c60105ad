import { openFileStore } from "@lazy/fsqueue";
import { describe, expect, it } from "vitest";
import { crcOf } from "./fixtures/segment-bytes.ts";
import { type DiskImage, SimulatedDisk } from "./fixtures/simulated-disk.ts";

const dir = "/disk/store";
const pathOf = (number: number): string => `${dir}/lane-000001/000000000${number}.seg`;

async function writeLog(): Promise<Map<string, Uint8Array>> {
  const disk = new SimulatedDisk();
  const store = await openFileStore({ dir, port: disk, segmentBytes: 1000 });
  await store.open("q");
  for (let n = 0; n < 9; n += 1) await store.append("q", [new Uint8Array(400)]);
  await store.close();
  return disk.image() as Map<string, Uint8Array>;
}

async function codeOfOpening(image: DiskImage): Promise<unknown> {
  const disk = new SimulatedDisk({ image });
  const error = await openFileStore({ dir, port: disk }).catch((reason: unknown) => reason);
  expect(disk.openFiles).toBe(0);
  return (error as { code?: unknown }).code;
}

describe("a segment that is not of this log", () => {
  it("of a later version is left to that", async () => {
    const image = await writeLog();
    const file = image.get(pathOf(1))!.slice();
    const view = new DataView(file.buffer);
    view.setUint16(4, 2, true);
    view.setUint32(60, crcOf(file.subarray(0, 60), 0), true);
    expect(await codeOfOpening(image.set(pathOf(1), file))).toBe("FOLDER_UNSUITABLE");
  });

  it("under another's name, or of another folder, is damage", async () => {
    const [image, other] = [await writeLog(), await writeLog()];
    const renamed = new Map(image).set(pathOf(2), image.get(pathOf(1))!);
    expect(await codeOfOpening(renamed)).toBe("CORRUPT");
    const newest = Math.max(...[1, 2, 3, 4, 5, 6].filter((number) => image.has(pathOf(number))));
    const later = new Map(image).set(pathOf(newest + 1), image.get(pathOf(newest))!);
    later.delete(pathOf(newest));
    expect(await codeOfOpening(later)).toBe("CORRUPT");
    expect(await codeOfOpening(new Map(image).set(pathOf(2), other.get(pathOf(2))!))).toBe(
      "CORRUPT",
    );
  });

  it("but the index, which begins as a segment does, is damage", async () => {
    const disk = new SimulatedDisk();
    const store = await openFileStore({ dir, port: disk, indexBytes: 0 });
    await store.open("q", { messages: [new Uint8Array(400)] });
    await store.close();
    const index = disk.image().get(`${dir}/index.snapshot`)!;
    expect(await codeOfOpening(new Map(disk.image()).set(pathOf(1), index))).toBe("CORRUPT");
  });
});
