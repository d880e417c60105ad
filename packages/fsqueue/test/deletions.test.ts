import { join } from "node:path";
import { openFileStore } from "@lazy/fsqueue";
import { createManualClock } from "@lazy/fsqueue/testing";
import { describe, expect, it } from "vitest";
import { textsOf } from "./fixtures/check-promises.ts";
import {
  type DiskImage,
  seededRandom,
  SimulatedDisk,
  systemError,
} from "./fixtures/simulated-disk.ts";

const clock = createManualClock();
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

describe("segments are deleted", () => {
  it("for good: after it, a power cut does not bring one back", async () => {
    const disk = new SimulatedDisk();
    const folder = "/disk/store";
    const options = { dir: folder, segmentBytes: 20_000, memoryBytes: 0, clock, port: disk };
    await using written = await openFileStore(options);
    await written.open("kept");
    await written.open("dropped");
    for (let n = 0; n < 100; n += 1) await written.append("dropped", [new Uint8Array(1000)]);
    const before = await disk.list(join(folder, "lane-000001"));
    await written.remove("dropped");
    await written.compact();
    const now = await disk.list(join(folder, "lane-000001"));
    expect(before.length - now.length).toBeGreaterThan(2);
    for (const { name, image } of disk.cuts(Math.random)) {
      const found = await new SimulatedDisk({ image }).list(join(folder, "lane-000001"));
      expect({ name, found: found.toSorted() }).toEqual({ name, found: now.toSorted() });
    }
  });

  it("for good before what tells of a removal: in whatever order the disk takes it, none comes back", async () => {
    const random = seededRandom(1);
    const cuts: DiskImage[] = [];
    let compacting = false;
    const disk: SimulatedDisk = new SimulatedDisk({
      onOperation() {
        if (!compacting) return;
        for (let n = 0; n < 5; n += 1) cuts.push(disk.cuts(random).at(-1)!.image);
      },
    });
    const options = { dir: "/disk/store", segmentBytes: 2000, clock, port: disk };
    const written = await openFileStore(options);
    const large = new Uint8Array(3000);
    await written.open("gone", { messages: [large] });
    await written.open("busy", { messages: [large] });
    await written.remove("gone");
    await written.append("busy", [large]);
    await written.remove("busy");
    await written.open("last", { messages: [large] });
    await written.flush();
    compacting = true;
    await written.compact();
    compacting = false;
    await written.close();
    expect(cuts.length).toBeGreaterThan(20);
    for (const image of cuts) {
      const again = await openFileStore({ ...options, port: new SimulatedDisk({ image }) });
      const names: string[] = [];
      for await (const { name } of again.list()) names.push(name);
      expect(names).toEqual(["last"]);
      await again.close();
    }
  });

  it.each(["the same", "the next"])(
    "for good also in another lane, when it was not noted at once: by %s process",
    async (which) => {
      const failing = new Map<string, string>();
      const disk = new SimulatedDisk({
        fail: (operation, path) =>
          failing.get(operation) === path ? systemError("EIO", path) : undefined,
      });
      const options = { dir: "/disk/store", segmentBytes: 2000, clock, port: disk };
      const written = await openFileStore(options);
      const large = new Uint8Array(3000);
      await written.open("gone", { messages: [bytes("g")] });
      await written.flush();
      failing.set("sync", "/disk/store/lane-000001/0000000001.seg");
      await written.open("busy");
      await written.append("busy", [large], { durable: true });
      await written.remove("gone"); // in the second lane
      await written.append("busy", [large]);
      await written.open("last");
      await written.remove("busy");
      failing.set("remove", "/disk/store/lane-000002/0000000003.seg");
      await expect(written.compact()).rejects.toThrow("EIO");
      expect(await disk.list("/disk/store/lane-000001")).toEqual([]);
      failing.clear();
      const next = which === "the same" ? written : await openFileStore(options);
      await next.compact();
      expect(await disk.list("/disk/store/lane-000002")).not.toContain("0000000003.seg");
      const port = new SimulatedDisk({ image: disk.cuts(() => 0)[0]!.image });
      const again = await openFileStore({ ...options, port });
      expect(await again.info("gone")).toBeUndefined();
      expect(await again.info("last")).toBeDefined();
      await again.close();
    },
  );

  it("where a queue was removed that forks read: what is copied is still theirs alone", async () => {
    const disk = new SimulatedDisk();
    const options = { dir: "/disk/store", clock, port: disk };
    const written = await openFileStore(options);
    await written.open("origin", { messages: [bytes("o")] });
    await written.open("fork", { fork: { from: "origin" } });
    await written.open("busy", { messages: [new Uint8Array(50_000)] });
    await written.remove("origin");
    await written.remove("busy");
    await written.compact();
    await written.close();
    expect(disk.image().has("/disk/store/lane-000001/0000000001.seg")).toBe(false);
    const again = await openFileStore(options);
    await expect(again.open("origin")).rejects.toMatchObject({ code: "QUEUE_REMOVED" });
    expect(await textsOf(again, "fork")).toEqual(["o"]);
    await again.remove("fork");
    expect((await again.open("origin")).created).toBe(true);
    await again.close();
  });

  it("also while the removal of a queue that forks read is under way", async () => {
    const disk = new SimulatedDisk();
    const options = { dir: "/disk/store", segmentBytes: 400, clock, port: disk };
    const written = await openFileStore({ ...options, durability: "synced" });
    const large = new Uint8Array(9000);
    await written.open("kept", { messages: [large] });
    await written.open("origin", { metadata: { filler: "x".repeat(400) } });
    await written.append("origin", [large]);
    await written.open("fork", { fork: { from: "origin" } });
    const removed = written.remove("origin");
    await written.compact();
    await removed;
    await written.close();
    expect(disk.image().has("/disk/store/lane-000001/0000000001.seg")).toBe(true);
    expect(disk.image().has("/disk/store/lane-000001/0000000002.seg")).toBe(false);
    const again = await openFileStore(options);
    await expect(again.open("origin")).rejects.toMatchObject({ code: "QUEUE_REMOVED" });
    expect((await again.read("fork", "start")).messages).toHaveLength(1);
    await again.close();
  });
});
