import { type FileStore, type Store, openFileStore } from "@lazy/fsqueue";
import { describe, expect, it } from "vitest";
import { textsOf } from "./fixtures/check-promises.ts";
import { type DiskImage, SimulatedDisk, systemError } from "./fixtures/simulated-disk.ts";
import { dumpStore } from "./fixtures/store-dump.ts";

const dir = "/disk/store";
const snapshot = `${dir}/index.snapshot`;
const draft = `${snapshot}.new`;
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

function open(port: SimulatedDisk, segmentBytes = 64 << 20, indexBytes = 0): Promise<FileStore> {
  return openFileStore({ dir, port, segmentBytes, indexBytes });
}

function without(image: DiskImage): DiskImage {
  return new Map([...image].filter(([path]) => path !== snapshot));
}

async function found(image: DiskImage): Promise<unknown> {
  const port = new SimulatedDisk({ image });
  const store = await openFileStore({ dir, port, readonly: true });
  const dump = await dumpStore(store, ["g"]);
  await store.close();
  return dump;
}

/** Bytes of the segments that an opening reads. */
async function scanned(image: DiskImage): Promise<number> {
  let count = 0;
  class CountingDisk extends SimulatedDisk {
    override async read(...call: Parameters<SimulatedDisk["read"]>): Promise<number> {
      const got = await super.read(...call);
      if (got < 20_000) return got;
      count += got;
      return got;
    }
  }
  const port = new CountingDisk({ image });
  await (await openFileStore({ dir, port, readonly: true })).close();
  return count;
}

/** A log of which a scan reads more than a snapshot has. */
async function fill(store: Store): Promise<void> {
  await store.open("q");
  for (let n = 0; n < 20; n += 1) await store.append("q", [new Uint8Array(10_000)]);
}

describe("a snapshot that was written", () => {
  it("is there after a power cut, and of use", async () => {
    const disk = new SimulatedDisk();
    const store = await open(disk);
    await fill(store);
    await store.close();
    for (const { name, image } of disk.cuts(() => 0.4)) {
      expect({ name, scanned: await scanned(image) }).toEqual({ name, scanned: 0 });
      expect(await scanned(without(image))).toBeGreaterThan(100_000);
    }
  });

  it("is whole though the system takes little at a time", async () => {
    class ShortDisk extends SimulatedDisk {
      override async write(...call: Parameters<SimulatedDisk["write"]>): Promise<number> {
        const [descriptor, from, start, length, at] = call;
        return super.write(descriptor, from, start, Math.min(length, 40), at);
      }
    }
    const disk = new ShortDisk();
    const store = await open(disk);
    await fill(store);
    await store.close();
    expect(await scanned(disk.image())).toBe(0);
  });

  it("goes into the next one as it is, where nobody asked for a queue", async () => {
    const disk = new SimulatedDisk();
    const store = await open(disk);
    await fill(store);
    await store.close();
    const before = await found(disk.image());
    for (let round = 0; round < 2; round += 1) {
      await (await open(disk)).close();
      expect(await scanned(disk.image())).toBe(0);
    }
    expect(await found(disk.image())).toEqual(before);
  });

  it("takes the place of what a dead process left of one", async () => {
    const disk = new SimulatedDisk({ image: new Map([[draft, bytes("half of one")]]) });
    const store = await open(disk);
    await fill(store);
    await store.close();
    expect(disk.image().has(draft)).toBe(false);
    expect(await scanned(disk.image())).toBe(0);
  });

  it("knows of nothing that a power cut takes from the segments", async () => {
    const images: DiskImage[] = [];
    const disk: SimulatedDisk = new SimulatedDisk({
      onOperation(operation, path) {
        if (operation !== "syncFolder" || path !== dir) return;
        if (disk.image().has(snapshot)) images.push(disk.cuts(() => 0)[0]!.image);
      },
    });
    const store = await open(disk, 4000, 1000);
    await store.open("q");
    for (let n = 0; n < 60; n += 1) await store.append("q", [bytes(`${n}`.padEnd(100))]);
    await expect.poll(() => images.length).toBeGreaterThan(0);
    for (const image of images) {
      const again = await open(new SimulatedDisk({ image }));
      const texts = await textsOf(again, "q");
      expect(texts.map(Number)).toEqual(texts.map((_, n) => n));
      await again.close();
    }
    await store.close();
  });

  it("knows of nothing that was refused while it was written", async () => {
    let refusing = false;
    let store: Store | undefined;
    const refused: Promise<unknown>[] = [];
    class FillingDisk extends SimulatedDisk {
      draft = -1;
      override async open(...call: Parameters<SimulatedDisk["open"]>): Promise<number> {
        const descriptor = await super.open(...call);
        if (call[0] === draft) {
          this.draft = descriptor;
          // Laid down before the entries are made, and written when they are.
          refusing = true;
          refused.push(store!.append("q", [bytes("refused")]), store!.cursors.set("q", "g", end));
        }
        return descriptor;
      }
      override async write(...call: Parameters<SimulatedDisk["write"]>): Promise<number> {
        if (call[0] === this.draft) {
          await Promise.allSettled(refused);
          refusing = false;
        }
        return super.write(...call);
      }
    }
    let end = "";
    const disk = new FillingDisk({
      fail: (operation, path) =>
        refusing && operation === "write" && path.endsWith(".seg")
          ? systemError("ENOSPC", path)
          : undefined,
    });
    store = await open(disk, 4000, 1000);
    await store.open("q");
    for (let n = 0; refused.length === 0 && n < 99; n += 1) {
      const receipt = await store.append("q", [bytes(`${n}`.padEnd(100))]);
      end = receipt.offset;
    }
    await expect.poll(() => refused.length).toBeGreaterThan(0);
    for (const { status } of await Promise.allSettled(refused)) expect(status).toBe("rejected");
    await expect.poll(() => disk.image().has(draft)).toBe(false);
    const image = disk.image();
    expect(await found(image)).toEqual(await found(without(image)));
    await store.close();
  });

  it("is given up when a segment that it speaks of is given back meanwhile", async () => {
    let compacted: Promise<unknown> | undefined;
    class HeldDisk extends SimulatedDisk {
      draft = -1;
      override async open(...call: Parameters<SimulatedDisk["open"]>): Promise<number> {
        const descriptor = await super.open(...call);
        if (call[0] === draft) this.draft = descriptor;
        return descriptor;
      }
      override async write(...call: Parameters<SimulatedDisk["write"]>): Promise<number> {
        if (call[0] === this.draft) {
          compacted ??= store.remove("busy").then(() => store.compact());
          await compacted;
        }
        return super.write(...call);
      }
    }
    const disk = new HeldDisk();
    const store = await open(disk, 40_000, 60_000);
    for (const name of ["q", "busy"]) await store.open(name);
    await store.append("q", [new Uint8Array(40_000)]);
    await store.append("q", [new Uint8Array(25_000)]);
    await store.append("busy", [new Uint8Array(20_000)]);
    await store.append("q", [bytes("in the third segment")]);
    await expect.poll(() => compacted !== undefined).toBe(true);
    await compacted;
    // What there is now is worth a snapshot; what was written since the first was begun is not.
    await store.close();
    expect(await scanned(without(disk.image()))).toBeGreaterThan(60_000);
    expect(await scanned(disk.image())).toBe(0);
  });
});
