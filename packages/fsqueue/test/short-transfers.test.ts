import { type Store, openFileStore } from "@lazy/fsqueue";
import { describe, expect, it } from "vitest";
import { textsOf } from "./fixtures/check-promises.ts";
import { SimulatedDisk } from "./fixtures/simulated-disk.ts";

const dir = "/disk/store";
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** A disk that takes and gives less than it is asked for, as the system calls may. */
class ShortDisk extends SimulatedDisk {
  most = 1000;
  calls = 0;

  override writeNow(
    ...[descriptor, from, start, length, at]: Parameters<SimulatedDisk["writeNow"]>
  ): number {
    if (length > this.most) this.calls += 1;
    if (this.most === 0 && this.calls > 1000) throw new Error("asked again and again");
    return super.writeNow(descriptor, from, start, Math.min(length, this.most), at);
  }

  override readNow(
    ...[descriptor, into, start, length, at]: Parameters<SimulatedDisk["readNow"]>
  ): number {
    if (length > this.most) this.calls += 1;
    return super.readNow(descriptor, into, start, Math.min(length, this.most), at);
  }
}

function open(disk: SimulatedDisk, durability: "written" | "synced"): Promise<Store> {
  const options = { dir, durability, indexBytes: 0, memoryBytes: 0 } as const;
  return openFileStore({ ...options, port: disk });
}

describe("a disk that transfers a part of what it is asked for", () => {
  for (const durability of ["written", "synced"] as const) {
    it(`loses nothing, neither in the segments nor in the snapshot: ${durability}`, async () => {
      const disk = new ShortDisk();
      const store = await open(disk, durability);
      await store.open("q");
      await store.open("other", { metadata: { filler: "x".repeat(3000) } });
      const texts = [10, 2999, 40, 150_000, 7].map((size, n) => `${n}`.padEnd(size, "."));
      for (const text of texts) await store.append("q", [bytes(text)]);
      const many = Array.from({ length: 50 }, (_, n) => `many ${n}`.padEnd(90, "-"));
      await Promise.all(many.map((text) => store.append("other", [bytes(text)])));
      expect(disk.calls).toBeGreaterThan(10);
      await store.close();
      disk.calls = 0;
      for (const most of [Number.POSITIVE_INFINITY, 1000, 61]) {
        const again = new ShortDisk({ image: disk.image() });
        again.most = most;
        const found = await open(again, durability);
        expect(await textsOf(found, "q")).toEqual(texts);
        expect(await textsOf(found, "other")).toEqual(many);
        await found.close();
      }
    });
  }

  it("that takes nothing at all is told, and nothing of it stays", async () => {
    const disk = new ShortDisk();
    const store = await open(disk, "synced");
    await store.open("q");
    await store.append("q", [bytes("before")]);
    disk.most = 0;
    disk.calls = 0;
    await expect(store.append("q", [bytes("refused")])).rejects.toMatchObject({
      code: "STORE_FAILED",
    });
    expect(disk.calls).toBeLessThan(10);
    disk.most = 1000;
    await store.append("q", [bytes("after")]);
    expect(await textsOf(store, "q")).toEqual(["before", "after"]);
    await store.close();
  });
});
