import { type FileStore, type Store, openFileStore } from "@lazy/fsqueue";
import { createManualClock } from "@lazy/fsqueue/testing";
import { describe, expect, it } from "vitest";
import { textsOf } from "./fixtures/check-promises.ts";
import { SimulatedDisk, systemError } from "./fixtures/simulated-disk.ts";

const dir = "/disk/store";
const lane = `${dir}/lane-000001`;
const first = "0000000001.seg";
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

async function open(disk: SimulatedDisk, segmentBytes = 9000) {
  const clock = createManualClock();
  const options = { dir, port: disk, segmentBytes, memoryBytes: 0, clock };
  return { store: await openFileStore(options), clock };
}

/** What the next process finds that knows the log alone. */
async function reopen(disk: SimulatedDisk): Promise<FileStore> {
  return openFileStore({ dir, port: new SimulatedDisk({ image: disk.image() }) });
}

async function namesIn(store: Store): Promise<string[]> {
  const names: string[] = [];
  for await (const { name } of store.list()) names.push(name);
  return names;
}

async function fill(store: Store, name: string, count: number): Promise<void> {
  for (let n = 0; n < count; n += 1) await store.append(name, [new Uint8Array(1000)]);
}

/** Whatever was written since the first segment is given back. */
async function churn(store: FileStore): Promise<void> {
  await store.open("busy");
  await fill(store, "busy", 20);
  await store.remove("busy");
  await store.compact();
}

describe("space is given back by itself", () => {
  it.each<[string, (store: Store) => Promise<unknown>]>([
    ["a removal", (store) => store.remove("q")],
    ["a trim", (store) => store.trim("q", "now")],
    ["a message that was taken", (store) => store.take("q", 1000)],
  ])("after %s, though nothing is written after it", async (_, drop) => {
    const disk = new SimulatedDisk();
    const { store, clock } = await open(disk);
    await store.open("q");
    await fill(store, "q", 30);
    // What wakes it while segments are begun has come to nothing by now.
    clock.advance(1000);
    await store.compact();
    await drop(store);
    clock.advance(1000);
    await expect.poll(async () => (await disk.list(lane)).length).toBe(1);
    await store.close();
  });

  it("when a segment is closed of which nothing was needed before", async () => {
    const disk = new SimulatedDisk();
    const { store, clock } = await open(disk);
    await store.open("q");
    await fill(store, "q", 8);
    await store.trim("q", "now");
    clock.advance(1000);
    await store.flush();
    expect(await disk.list(lane)).toContain(first);
    await store.open("other");
    await fill(store, "other", 2);
    clock.advance(1000);
    await expect.poll(() => disk.list(lane)).not.toContain(first);
    await store.close();
  });

  it("of an origin, as soon as the last fork is gone that needed it", async () => {
    const { store } = await open(new SimulatedDisk());
    await store.open("origin");
    await fill(store, "origin", 60);
    await store.open("fork", { fork: { from: "origin" } });
    await store.trim("origin", "now");
    await store.compact();
    expect((await store.stats()).diskBytes).toBeGreaterThan(60_000);
    await store.remove("fork");
    await store.compact();
    expect((await store.stats()).diskBytes).toBeLessThan(5000);
    await store.close();
  });

  it("of the deletions, too, once nothing is left that they delete", async () => {
    const { store } = await open(new SimulatedDisk());
    for (let n = 0; n < 400; n += 1) {
      await store.open(`q${n}`);
      await store.remove(`q${n}`);
    }
    await store.compact();
    // A deletion takes 24 bytes.
    expect((await store.stats()).diskBytes).toBeLessThan(5000);
    await store.close();
  });
});

describe("what was deleted does not come back when the segment is given back", () => {
  it("that told of it, while an older one holds what was deleted", async () => {
    const disk = new SimulatedDisk();
    const { store } = await open(disk);
    await store.open("gone", { messages: [bytes("x")] });
    await store.open("kept", { messages: [new Uint8Array(50_000)] });
    await store.remove("gone");
    await churn(store);
    expect(await disk.list(lane)).toContain(first);
    expect(await disk.list(lane)).not.toContain("0000000002.seg");
    await store.close();
    const again = await reopen(disk);
    expect(await namesIn(again)).toEqual(["kept"]);
    await again.close();
  });

  it("that told of an origin which only its forks kept", async () => {
    const disk = new SimulatedDisk();
    const { store, clock } = await open(disk, 20_000);
    // In one segment, of which the messages fill the next: what is known of their queues goes to a third.
    const calls = [
      store.open("dropped", { messages: [new Uint8Array(5000)] }),
      store.open("kept", { messages: [new Uint8Array(10_500)] }),
      store.open("origin", { messages: [new Uint8Array(10_500)] }),
      store.open("fork", { fork: { from: "origin" } }),
      store.remove("origin"),
      store.remove("dropped"),
    ];
    await Promise.all(calls);
    await store.compact();
    expect((await disk.list(lane)).toSorted()).toEqual(["0000000002.seg", "0000000003.seg"]);
    const meanwhile = await reopen(disk);
    expect((await namesIn(meanwhile)).toSorted()).toEqual(["fork", "kept"]);
    expect((await textsOf(meanwhile, "fork")).map(({ length }) => length)).toEqual([10_500]);
    await meanwhile.close();
    await store.remove("fork");
    await store.open("busy");
    await fill(store, "busy", 25);
    await store.remove("busy");
    clock.advance(1000);
    await expect.poll(() => disk.list(lane)).not.toContain("0000000003.seg");
    expect(await disk.list(lane)).toContain("0000000002.seg");
    await store.close();
    const again = await reopen(disk);
    expect(await namesIn(again)).toEqual(["kept"]);
    expect((await again.open("origin")).created).toBe(true);
    await again.close();
  });

  it.each([
    ["without a fork", false, ["x", "y"]],
    ["with a fork", true, ["x", "y"]],
    ["with a fork, and nothing in either", true, []],
  ])("at whatever moment it is deleted, %s", async (_, forked, texts) => {
    for (let moment = 0, deleted = true; deleted; moment += 1) {
      let operations = Number.NEGATIVE_INFINITY;
      let removing: Promise<unknown> | undefined;
      const disk = new SimulatedDisk({
        fail() {
          operations += 1;
          if (operations === moment) removing = store.remove("rare");
          // It keeps the segment that is written just then.
          else if (operations > moment && operations < moment + 4) {
            void store.append("kept", [new Uint8Array(3000)]);
          }
          return undefined;
        },
      });
      const options = { dir, port: disk, segmentBytes: 100, memoryBytes: 0 };
      const store = await openFileStore({ ...options, durability: "synced" });
      await store.open("rare", { messages: texts.slice(0, 1).map(bytes) });
      await store.open("busy", { messages: [new Uint8Array(1000)] });
      await store.open("kept");
      for (const text of texts.slice(1)) await store.append("rare", [bytes(text)]);
      if (forked) await store.open("fork", { fork: { from: "rare" } });
      await store.remove("busy");
      operations = -1;
      await store.compact();
      operations = Number.NEGATIVE_INFINITY;
      deleted = removing !== undefined;
      await removing;
      const names = ["fork", "kept", "rare"].filter((name) => {
        return name === "kept" || (name === "fork" ? forked : !deleted);
      });
      for (const step of ["now", "after the next one"]) {
        const again = await reopen(disk);
        expect([moment, step, await namesIn(again)]).toEqual([moment, step, names]);
        expect(forked ? await textsOf(again, "fork") : texts).toEqual(texts);
        await again.close();
        if (step === "now") await store.compact();
      }
      await store.close();
    }
  });

  it.each(["written", "being written"])(
    "that tells of it, and what was copied meanwhile stands behind that: the deletion is %s",
    async (deletion) => {
      const held = new Map<string, Promise<void>>();
      const asked = { read: 0, sync: 0 };
      class HeldDisk extends SimulatedDisk {
        override async read(...call: Parameters<SimulatedDisk["read"]>): Promise<number> {
          asked.read += 1;
          await held.get("read");
          return super.read(...call);
        }
        override async sync(descriptor: number): Promise<void> {
          asked.sync += 1;
          await held.get("sync");
          return super.sync(descriptor);
        }
      }
      const hold = (kind: "read" | "sync"): (() => void) => {
        let release = (): void => {};
        held.set(kind, new Promise((resolve) => (release = resolve)));
        asked[kind] = 0;
        return () => {
          held.delete(kind);
          release();
        };
      };
      const disk = new HeldDisk();
      const clock = createManualClock();
      const options = { dir, port: disk, segmentBytes: 100, memoryBytes: 0, clock };
      const store = await openFileStore({ ...options, durability: "synced" });
      // So large that another thread reads it.
      const calls = [
        store.open("rare", { messages: [new Uint8Array(300_000)] }),
        store.open("dropped", { messages: [new Uint8Array(100_000)] }),
        store.open("kept"),
        store.remove("dropped"),
      ];
      await Promise.all(calls);
      const releaseRead = hold("read");
      const compacting = store.compact();
      await expect.poll(() => asked.read).toBeGreaterThan(0);
      const releaseSync = deletion === "written" ? (): void => {} : hold("sync");
      const removing = store.remove("rare");
      await (deletion === "written" ? removing : undefined);
      await expect.poll(() => asked.sync).toBeGreaterThan(0);
      releaseRead();
      const segment = (await disk.list(lane)).toSorted().at(-1);
      // In the segments after that of the deletion, where the copy would stand.
      const appending: Promise<unknown>[] = [];
      for (let turn = 0; turn < 5; turn += 1) {
        appending.push(store.append("kept", [new Uint8Array(200_000)]));
        await new Promise((resolve) => setImmediate(resolve));
      }
      releaseSync();
      await Promise.all([compacting, removing, ...appending]);
      clock.advance(1000);
      await expect.poll(() => disk.list(lane)).not.toContain(segment);
      await store.close();
      const again = await reopen(disk);
      expect(await namesIn(again)).toEqual(["kept"]);
      await again.close();
    },
  );
});

describe("what is still needed stays", () => {
  it("when some of it is dropped while it is being copied", async () => {
    let atRead: (() => void) | undefined;
    const disk = new SimulatedDisk({
      fail(operation) {
        if (operation === "read") atRead?.();
        return undefined;
      },
    });
    const { store, clock } = await open(disk, 2 << 20);
    await store.open("rare");
    await store.open("busy");
    const texts = Array.from({ length: 12 }, (_, n) => `${n}`.padEnd(50_000));
    for (const text of texts) await store.append("rare", [bytes(text)]);
    for (let n = 0; n < 16; n += 1) await store.append("busy", [new Uint8Array(100_000)]);
    const { messages } = await store.read("rare", "start");
    await store.remove("busy");
    clock.advance(1000);
    let dropped: Promise<unknown> | undefined;
    atRead = () => {
      dropped ??= store.trim("rare", messages[7]!.offset);
    };
    await store.compact();
    expect(dropped).toBeDefined();
    atRead = undefined;
    expect(await textsOf(store, "rare")).toEqual(texts.slice(8));
    await store.compact();
    // What was copied has its time, and this has its own.
    await store.append("rare", [bytes("after")]);
    const { messages: left } = await store.read("rare", "start");
    expect(left.map(({ time }) => clock.now() - time)).toEqual([1000, 1000, 1000, 1000, 0]);
    await store.close();
    const again = await reopen(disk);
    expect(await textsOf(again, "rare")).toEqual([...texts.slice(8), "after"]);
    await again.close();
  });

  it.each([false, true])(
    "when the next segment could not be begun, and its file stays: %s",
    async (stays) => {
      let refusing = false;
      const disk = new SimulatedDisk({
        fail: (operation, path) =>
          refusing &&
          !path.endsWith(first) &&
          (operation === "sync" || (stays && operation === "remove"))
            ? systemError("EIO", path)
            : undefined,
      });
      const { store } = await open(disk, 64 << 20);
      await store.open("q");
      await fill(store, "q", 10);
      await store.trim("q", "now");
      refusing = true;
      await expect(store.compact()).rejects.toMatchObject({ code: "STORE_FAILED" });
      expect((await disk.list(lane)).length).toBe(stays ? 2 : 1);
      refusing = false;
      await store.append("q", [bytes("after")]);
      const again = await reopen(disk);
      expect(await textsOf(again, "q")).toEqual(["after"]);
      await again.close();
      await store.close();
    },
  );
});
