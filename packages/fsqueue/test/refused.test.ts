import { type Store, openFileStore } from "@lazy/fsqueue";
import { describe, expect, it } from "vitest";
import { textsOf } from "./fixtures/check-promises.ts";
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
  return { store, disk };
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
