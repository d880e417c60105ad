import { type Store, openFileStore } from "@lazy/fsqueue";
import { describe, expect, it } from "vitest";
import { textsOf } from "./fixtures/check-promises.ts";
import { collectGarbage } from "./fixtures/collect-garbage.ts";
import { SimulatedDisk, systemError } from "./fixtures/simulated-disk.ts";

const dir = "/disk/store";
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** A store whose writes are refused as long as `full` says so. */
async function openFilling(options: { memoryBytes?: number } = {}) {
  const disk = { full: false };
  const port = new SimulatedDisk({
    fail: (operation, path) =>
      operation === "write" && disk.full ? systemError("ENOSPC", path) : undefined,
  });
  const store = await openFileStore({ dir, durability: "synced", port, ...options });
  return { store, disk, port };
}

/** These calls are refused for want of room, and then there is room again. */
async function refuse(disk: { full: boolean }, calls: () => Promise<unknown>[]): Promise<void> {
  disk.full = true;
  for (const { status } of await Promise.allSettled(calls())) expect(status).toBe("rejected");
  disk.full = false;
}

async function stateOf(store: Store): Promise<unknown> {
  return [await store.info("q"), await store.cursors.get("q", "g"), await textsOf(store, "q")];
}

describe("calls that a full disk refuses", () => {
  it("leave a queue as it was: its content, its room, its cursors, its producers", async () => {
    const { store, disk } = await openFilling();
    await store.open("q", { maxMessages: 3, maxBytes: 9 });
    const producer = { id: "p", epoch: 0, sequence: 0 };
    const { offset: first } = await store.append("q", [bytes("one")], { producer });
    const { offset: second } = await store.append("q", [bytes("two")], { order: "b" });
    const before = await stateOf(store);
    await refuse(disk, () => [
      store.cursors.set("q", "g", first),
      store.cursors.set("q", "g", second),
      store.append("q", [bytes("3")], { producer: { ...producer, sequence: 1 }, order: "x" }),
      store.take("q", 1),
      store.trim("q", "now"),
      store.append("q", [bytes("4")], { producer: { ...producer, sequence: 2 } }),
      store.seal("q", { status: "ok" }),
      store.remove("q"),
    ]);
    expect(await stateOf(store)).toEqual(before);
    await expect(store.append("q", [bytes("123456")])).rejects.toMatchObject({
      code: "QUEUE_FULL",
      details: { limit: "maxBytes", would: 12 },
    });
    await expect(store.append("q", [bytes("1"), bytes("2")])).rejects.toMatchObject({
      details: { limit: "maxMessages", would: 4 },
    });
    const next = { producer: { ...producer, sequence: 1 }, order: "c" };
    expect((await store.append("q", [bytes("3")], next)).duplicate).toBe(false);
    await store.cursors.set("q", "g", second, { expect: undefined });
    expect(await textsOf(store, "q")).toEqual(["one", "two", "3"]);
    await store.close();
  });

  it("keep what they would have dropped, also when a fork goes that needed it as well", async () => {
    const { store, disk } = await openFilling();
    await store.open("q", { messages: [bytes("one"), bytes("two")] });
    await store.open("fork", { fork: { from: "q" } });
    await refuse(disk, () => [store.trim("q", "now")]);
    await store.remove("fork");
    expect(await textsOf(store, "q")).toEqual(["one", "two"]);
    await store.close();
  });

  it("create nothing, whoever asks for it, until there is room", async () => {
    const { store, disk, port } = await openFilling();
    let meanwhile: Promise<unknown> | undefined;
    await refuse(disk, () => {
      const calls = [store.open("q", { messages: [bytes("refused")] }), store.open("q")];
      meanwhile = store.info("q");
      return calls;
    });
    // Nobody is told of a queue that may come to nothing.
    expect(await meanwhile).toBeUndefined();
    expect((await store.open("q")).created).toBe(true);
    await store.append("q", [bytes("a")]);
    await store.close();
    const again = await openFileStore({ dir, port: new SimulatedDisk({ image: port.image() }) });
    expect(await textsOf(again, "q")).toEqual(["a"]);
    await again.close();
  });

  it("leave nothing in memory of what was to be written", async () => {
    const written: WeakRef<ArrayBufferLike>[] = [];
    class WatchedDisk extends SimulatedDisk {
      override async write(...call: Parameters<SimulatedDisk["write"]>): Promise<number> {
        if (call[3] < 1 << 20) return super.write(...call);
        written.push(new WeakRef(call[1].buffer));
        throw systemError("ENOSPC", "the segment");
      }
    }
    const store = await openFileStore({ dir, port: new WatchedDisk() });
    await store.open("q");
    await expect(store.append("q", [new Uint8Array(1 << 20)])).rejects.toMatchObject({
      code: "STORE_FULL",
    });
    await collectGarbage();
    expect(written.map((one) => one.deref())).toEqual([undefined]);
    await store.close();
  });

  for (const size of [100, 100_000]) {
    it(`are never read from memory in place of what came after: ${size} bytes`, async () => {
      const { store, disk } = await openFilling({ memoryBytes: 1 << 20 });
      await store.open("q");
      await store.append("q", [bytes("before")]);
      const refused = bytes("b".repeat(size));
      await refuse(disk, () => [store.append("q", [refused]), store.append("q", [refused])]);
      // Too large to be kept when the next begins: from then on it is read from the file.
      const large = "c".repeat(1 << 20);
      await store.append("q", [bytes(large)]);
      const after = "d".repeat(70_000);
      await store.append("q", [bytes(after)]);
      expect(await textsOf(store, "q")).toEqual(["before", large, after]);
      await store.close();
    });
  }
});

describe("a batch that is refused while another is being collected", () => {
  it("takes that one with it: nothing of either stays, and both are told", async () => {
    let refused: (() => void) | undefined;
    class SlowDisk extends SimulatedDisk {
      override async write(...call: Parameters<SimulatedDisk["write"]>): Promise<number> {
        if (call[3] < 100_000) return super.write(...call);
        await new Promise<void>((resolve) => {
          refused = resolve;
        });
        throw systemError("ENOSPC", "the segment");
      }
    }
    const disk = new SlowDisk();
    const store = await openFileStore({ dir, durability: "synced", port: disk });
    await store.open("q");
    await store.append("q", [bytes("before")]);
    const calls = [store.append("q", [bytes("a".repeat(100_000))])];
    await expect.poll(() => refused).toBeDefined();
    calls.push(store.append("q", [bytes("b")]), store.seal("q", { status: "ok" }));
    refused?.();
    for (const call of calls) await expect(call).rejects.toMatchObject({ code: "STORE_FULL" });
    await store.append("q", [bytes("after")]);
    expect(await textsOf(store, "q")).toEqual(["before", "after"]);
    await store.close();
    const again = await openFileStore({ dir, port: new SimulatedDisk({ image: disk.image() }) });
    expect(await textsOf(again, "q")).toEqual(["before", "after"]);
    await again.close();
  });
});

describe("an opening that the system refuses", () => {
  it.each([
    ["write", "ENOSPC", "STORE_FULL"],
    ["sync", "EIO", "STORE_FAILED"],
    ["syncFolder", "EIO", "STORE_FAILED"],
    ["open-create", "EMFILE", "STORE_FAILED"],
    ["open-create", "EROFS", "FOLDER_UNSUITABLE"],
  ])("%s: %s is told as %s, and tried again it goes well", async (refused, system, code) => {
    let refusing = true;
    const disk = new SimulatedDisk({
      fail: (operation, path) =>
        refusing && operation === refused ? systemError(system, path) : undefined,
    });
    await expect(openFileStore({ dir, port: disk })).rejects.toMatchObject({ code });
    refusing = false;
    const store = await openFileStore({ dir, port: disk });
    await store.open("q", { messages: [bytes("a")] });
    expect(await textsOf(store, "q")).toEqual(["a"]);
    await store.close();
  });

  it.each([
    { readonly: false, from: 0 },
    { readonly: false, from: 64 },
    { readonly: true, from: 0 },
    { readonly: true, from: 64 },
  ])(
    "leaves no file open that cannot be read: readonly $readonly, from byte $from on",
    async ({ readonly, from }) => {
      const disk = new SimulatedDisk();
      const written = await openFileStore({ dir, port: disk, segmentBytes: 1000 });
      await written.open("q");
      for (let n = 0; n < 9; n += 1) await written.append("q", [new Uint8Array(400)]);
      await written.close();
      const paths = [...disk.image().keys()].filter((path) => path.endsWith(".seg"));
      expect(paths.length).toBeGreaterThan(3);
      class BadDisk extends SimulatedDisk {
        #bad = -1;
        override async open(...call: Parameters<SimulatedDisk["open"]>): Promise<number> {
          const descriptor = await super.open(...call);
          if (call[0] === paths[1]) this.#bad = descriptor;
          return descriptor;
        }
        override async read(...call: Parameters<SimulatedDisk["read"]>): Promise<number> {
          if (call[0] === this.#bad && call[4] >= from) throw systemError("EIO", paths[1]!);
          return super.read(...call);
        }
      }
      const again = new BadDisk({ image: disk.image() });
      await expect(openFileStore({ dir, port: again, readonly })).rejects.toMatchObject({
        code: "STORE_FAILED",
      });
      expect(again.openFiles).toBe(0);
    },
  );

  it("claims nothing to be durable that is not: after a power cut the folder is whole", async () => {
    let syncs = Number.POSITIVE_INFINITY;
    const disk = new SimulatedDisk({
      fail: (operation, path) =>
        operation === "sync" && (syncs -= 1) === -1 ? systemError("EIO", path) : undefined,
    });
    const dying = await openFileStore({ dir, port: disk });
    await dying.open("q");
    await dying.append("q", [bytes("durable")], { durable: true });
    await dying.append("q", [bytes("written")]);
    syncs = 0;
    await expect(openFileStore({ dir, port: disk })).rejects.toMatchObject({
      code: "STORE_FAILED",
    });
    // Nothing is under way any more that could write: no new lane.
    for (let turn = 0; turn < 50; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    const cut = disk.cuts(() => 0)[0]!.image;
    const again = await openFileStore({ dir, port: new SimulatedDisk({ image: cut }) });
    expect((await textsOf(again, "q"))[0]).toBe("durable");
    await again.close();
    syncs = Number.POSITIVE_INFINITY;
    await dying.close().catch(() => {});
  });
});

describe("what is written", () => {
  it("becomes durable by itself, though nobody asks for it", async () => {
    const disk = new SimulatedDisk();
    const store = await openFileStore({ dir, port: disk });
    await store.open("q");
    const { durable } = await store.append("q", [bytes("a")]);
    await durable;
    const cut = disk.cuts(() => 0)[0]!.image;
    const again = await openFileStore({ dir, port: new SimulatedDisk({ image: cut }) });
    expect(await textsOf(again, "q")).toEqual(["a"]);
    await again.close();
    await store.close();
  });
});
