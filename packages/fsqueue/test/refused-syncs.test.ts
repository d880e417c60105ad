import { type FileStore, type Store, openFileStore } from "@lazy/fsqueue";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { textsOf } from "./fixtures/check-promises.ts";
import { codeOf } from "./fixtures/code-of.ts";
import { type DiskImage, SimulatedDisk, systemError } from "./fixtures/simulated-disk.ts";

const dir = "/disk/store";
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

describe("a file that refuses to become durable", () => {
  it("is not asked again: what waits is rejected, a new lane takes over", async () => {
    const { store, disk, refuse, syncs } = await openRefusing("synced");
    refuse("lane-000001");
    const waiting = [
      codeOf(store.append("q", [bytes("a")])),
      codeOf(store.seal("q", { status: "ok" })),
    ];
    expect(await Promise.all(waiting)).toEqual(["STORE_FAILED", "STORE_FAILED"]);
    expect(await textsOf(store, "q")).toEqual(["before"]);
    await store.append("q", [bytes("after")]);
    expect(await textsOf(store, "q")).toEqual(["before", "after"]);
    await store.close();
    expect(syncs.filter((path) => path.includes("lane-000001"))).toHaveLength(1);
    const again = await openFileStore({ dir, port: new SimulatedDisk({ image: disk.image() }) });
    expect(await textsOf(again, "q")).toEqual(["before", "after"]);
    // The seal that was refused stands in the old file still, beyond what counts of it.
    expect((await again.info("q"))?.ending).toBeUndefined();
    await again.close();
  });

  it("is not asked again by the time that is up for what was written, either", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    onTestFinished(() => void vi.useRealTimers());
    const { store, disk, refuse, syncs } = await openRefusing("written");
    await store.append("q", [bytes("written")]);
    refuse("lane");
    expect(await codeOf(store.flush())).toBe("STORE_FAILED");
    // The lane that would take over has failed, too, once this is told.
    expect(await codeOf(store.flush())).toBe("STORE_FAILED");
    vi.advanceTimersByTime(1000);
    expect(await codeOf(store.flush())).toBe("STORE_FAILED");
    expect(syncs.filter((path) => path.includes("lane-000001"))).toHaveLength(1);
    refuse("nothing");
    await store.flush();
    const cut = disk.cuts(() => 0)[0]!.image;
    const again = await openFileStore({ dir, port: new SimulatedDisk({ image: cut }) });
    expect(await textsOf(again, "q")).toEqual(["before", "written"]);
    await again.close();
    await store.close();
  });

  it("loses nothing that was acknowledged as written: the new lane carries it", async () => {
    const { store, disk, refuse } = await openRefusing("written");
    await store.open("gone");
    const { durable } = await store.append("q", [bytes("written"), bytes("too")]);
    await store.remove("gone").then(() => store.open("new"));
    refuse("lane-000001");
    await store.append("new", [bytes("n")]);
    // Written, then refused, then carried over: by then it is as durable as was asked for.
    await store.append("q", [bytes("a")], { durable: true });
    await store.append("q", [bytes("after")]);
    await durable;
    await store.flush();
    const expected = ["before", "written", "too", "a", "after"];
    const cut = disk.cuts(() => 0)[0]!.image;
    const again = await openFileStore({ dir, port: new SimulatedDisk({ image: cut }) });
    expect(await textsOf(again, "q")).toEqual(expected);
    expect(await textsOf(again, "new")).toEqual(["n"]);
    await again.close();
    await store.close();
  });

  it("does not begin the next segment before what stands in it is taken over", async () => {
    let refusing = false;
    const disk = new SimulatedDisk({
      fail: (operation, path) =>
        refusing && operation === "sync" && path.endsWith("lane-000001/0000000001.seg")
          ? systemError("EIO", path)
          : undefined,
    });
    const store = await openFileStore({ dir, port: disk, segmentBytes: 1000 });
    await store.open("q");
    const written = "written".padEnd(2000);
    await store.append("q", [bytes(written)]);
    refusing = true;
    // It would stand in the next segment.
    expect(await codeOf(store.append("q", [bytes("refused")]))).toBe("STORE_FAILED");
    await store.flush();
    const cut = disk.cuts(() => 0)[0]!.image;
    const again = await openFileStore({ dir, port: new SimulatedDisk({ image: cut }) });
    expect(await textsOf(again, "q")).toEqual([written]);
    await again.close();
    await store.close();
  });

  it("tells those who wait when the new lane refuses as well, and goes on when it does not", async () => {
    const refused: string[] = [];
    let refusing = false;
    const disk = new SimulatedDisk({
      fail(operation, path) {
        if (operation !== "sync" || !refusing) return undefined;
        // Of later lanes the header is taken, but not what is carried over.
        const again = refused.includes(path);
        refused.push(path);
        return path.includes("lane-000001") || again ? systemError("EIO", path) : undefined;
      },
    });
    const store = await openFileStore({ dir, port: disk });
    await store.open("q");
    const { durable } = await store.append("q", [bytes("written")]);
    refusing = true;
    await expect(store.append("q", [bytes("too")], { durable: true })).rejects.toMatchObject({
      code: "STORE_FAILED",
    });
    expect(await codeOf(durable)).toBe("STORE_FAILED");
    expect((await textsAfterDeath(disk))[0]).toBe("written");
    refusing = false;
    await store.append("q", [bytes("after")], { durable: true });
    expect(await textsOf(store, "q")).toEqual(["written", "too", "after"]);
    const cut = disk.cuts(() => 0)[0]!.image;
    const again = await openFileStore({ dir, port: new SimulatedDisk({ image: cut }) });
    expect(await textsOf(again, "q")).toEqual(["written", "too", "after"]);
    await again.close();
    await store.close();
  });

  it.each([
    ["written", "the same process"],
    ["synced", "the same process"],
    ["synced", "the next one"],
  ] as const)(
    "never counts again, though the segment after it is given back: %s, by %s",
    async (durability, by) => {
      const { store, disk, refuse, atRemovals } = await openRefusing(durability);
      // Most of the first segment is needed, nothing of the one that says how much of it counts.
      await store.append("q", [new Uint8Array(100_000)], { durable: true });
      refuse("lane-000001");
      await Promise.allSettled([
        store.append("q", [bytes("refused, or carried")]),
        store.seal("q", { status: "ok" }),
      ]);
      const state = async (of: Store): Promise<unknown> => [
        (await of.info("q"))?.ending,
        await textsOf(of, "q"),
      ];
      const expected = await state(store);
      await store.open("busy");
      await store.append("busy", [new Uint8Array(100_000)]);
      await store.remove("busy");
      let compacting = store;
      if (by === "the next one") {
        await store.close();
        compacting = await openFileStore({ dir, port: disk });
      }
      await compacting.compact();
      expect(await disk.list(`${dir}/lane-000002`)).not.toContain("0000000002.seg");
      await compacting.close();
      for (const { name, image } of [...atRemovals, ...disk.cuts(() => 0.5)]) {
        const again = await openFileStore({ dir, port: new SimulatedDisk({ image }) });
        expect([name, await state(again)]).toEqual([name, expected]);
        await again.close();
      }
    },
  );

  it("is read no more for what the new lane carries", async () => {
    const { store, disk, refuse } = await openRefusing("written", 0);
    const segment = `${dir}/lane-000001/0000000001.seg`;
    const { length } = disk.image().get(segment) as Uint8Array;
    await store.append("q", [bytes("carried".padEnd(5000))]);
    refuse("lane-000001");
    await store.flush().catch(() => {});
    // What it did not make durable the system may forget at any time.
    await disk.truncate(await disk.open(segment, "write"), length);
    expect((await textsOf(store, "q")).map((text) => text.trim())).toEqual(["before", "carried"]);
    await store.close();
  });

  it("gives no room to what was taken meanwhile, though the new lane carries it as well", async () => {
    const { store, refuse } = await openRefusing("written", 0);
    await store.append("q", [new Uint8Array(10_000)]);
    expect(await store.take("q", 2)).toHaveLength(2);
    refuse("lane-000001");
    await store.flush();
    await store.compact();
    expect((await store.stats()).diskBytes).toBeLessThan(2000);
    await store.close();
  });

  it("keeps what was written when no lane can be opened, though the process dies then", async () => {
    const { store, disk, refuse } = await openRefusing("written");
    await store.append("q", [bytes("written")]);
    const open = disk.openFiles;
    refuse("lane");
    for (let n = 0; n < 3; n += 1) {
      expect(await codeOf(store.append("q", [bytes("a")], { durable: true }))).toBe("STORE_FAILED");
      expect((await textsAfterDeath(disk)).slice(0, 2)).toEqual(["before", "written"]);
    }
    expect(disk.openFiles).toBe(open);
    refuse("nothing");
    await store.append("q", [bytes("after")], { durable: true });
    expect(await textsOf(store, "q")).toEqual(expect.arrayContaining(["written", "after"]));
    await store.close();
    expect(disk.openFiles).toBe(0);
  });

  it("keeps what was written when it cannot be carried over, though the process dies then", async () => {
    let refusing = false;
    const made = new Set<string>();
    const disk = new SimulatedDisk({
      fail(operation, path) {
        if (!refusing) return undefined;
        if (operation === "sync" && path.includes("lane-000001")) return systemError("EIO", path);
        if (operation !== "write" || path.includes("lane-000001")) return undefined;
        // Of later lanes the header is taken, and nothing else.
        if (made.has(path)) return systemError("ENOSPC", path);
        made.add(path);
        return undefined;
      },
    });
    const store = await openFileStore({ dir, port: disk, memoryBytes: 0 });
    await store.open("q");
    await store.append("q", [bytes("written")]);
    const open = disk.openFiles;
    refusing = true;
    expect(await codeOf(store.append("q", [bytes("a")], { durable: true }))).toBe("STORE_FAILED");
    expect(made.size).toBeGreaterThan(0);
    expect(disk.openFiles).toBe(open);
    expect((await textsAfterDeath(disk))[0]).toBe("written");
    expect((await textsOf(store, "q"))[0]).toBe("written");
    refusing = false;
    await store.append("q", [bytes("after")], { durable: true });
    expect((await textsOf(store, "q"))[0]).toBe("written");
    await store.close();
  });

  it("rejects while no lane can be opened, and goes on when one can", async () => {
    const { store, refuse } = await openRefusing("synced");
    refuse("lane");
    for (const text of ["a", "b"]) {
      expect(await codeOf(store.append("q", [bytes(text)]))).toBe("STORE_FAILED");
    }
    expect(await textsOf(store, "q")).toEqual(["before"]);
    refuse("nothing");
    await store.append("q", [bytes("after")]);
    expect(await textsOf(store, "q")).toEqual(["before", "after"]);
    await store.close();
  });
});

/** What a process finds that opens the folder when this one dies now. */
async function textsAfterDeath(disk: SimulatedDisk): Promise<string[]> {
  const again = await openFileStore({ dir, port: new SimulatedDisk({ image: disk.image() }) });
  const texts = await textsOf(again, "q");
  await again.close();
  return texts;
}

/** Only the files of the first lane fail, and they only once: asked again they would lie. */
async function openRefusing(
  durability: "written" | "synced",
  memoryBytes = 1 << 20,
): Promise<{
  store: FileStore;
  disk: SimulatedDisk;
  refuse: (lane: string) => void;
  syncs: string[];
  /** What a power cut leaves while segments are removed. */
  atRemovals: { readonly name: string; readonly image: DiskImage }[];
}> {
  let refusing: string | undefined;
  const syncs: string[] = [];
  const atRemovals: { readonly name: string; readonly image: DiskImage }[] = [];
  const disk: SimulatedDisk = new SimulatedDisk({
    onOperation(operation, path) {
      if (operation === "remove" && path.endsWith(".seg")) atRemovals.push(...disk.cuts(() => 0.5));
    },
    fail(operation, path) {
      if (operation !== "sync") return undefined;
      syncs.push(path);
      if (refusing === undefined || !path.includes(refusing)) return undefined;
      return systemError("EIO", path);
    },
  });
  const store = await openFileStore({ dir, durability, port: disk, memoryBytes });
  await store.open("q");
  await store.append("q", [bytes("before")], { durable: true });
  return {
    store,
    disk,
    syncs,
    atRemovals,
    refuse: (lane) => {
      refusing = lane;
      syncs.length = 0;
    },
  };
}
