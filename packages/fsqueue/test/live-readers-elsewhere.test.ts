import { openFileStore } from "@lazy/fsqueue";
import { describe, expect, it } from "vitest";
import { portWith } from "./fixtures/port-with.ts";
import { SimulatedDisk, systemError } from "./fixtures/simulated-disk.ts";

const dir = "/disk/store";
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const nobody = { changed(): void {} };

describe("live readers of a folder that another store writes", () => {
  it("go on when the writer gives up what it could not sync; who had read that is told", async () => {
    const disk = new SimulatedDisk();
    let armed = false;
    let release = (): void => {};
    const gate = new Promise<void>((resolve) => (release = resolve));
    const failing = portWith(disk, {
      async sync(descriptor) {
        if (!armed) return disk.sync(descriptor);
        armed = false;
        await gate;
        throw systemError("EIO", "the first lane");
      },
    });
    const writer = await openFileStore({ dir, durability: "synced", port: failing });
    await writer.open("q");
    const { offset } = await writer.append("q", [bytes("before")]);
    const store = await openFileStore({ dir, port: disk, readonly: true });
    let told = 0;
    const ahead = store.follow!("q", offset, nobody);
    const behind = store.follow!("q", offset, { changed: () => (told += 1) });

    armed = true;
    const refused = writer.append("q", [bytes("refused")]);
    refused.catch(() => {});
    await expect.poll(() => armed).toBe(false);
    await store.flush();
    expect(ahead.next()).toBeUndefined();
    expect(ahead.behind).toBe(true); // in the file, and not in this store's memory
    ahead.moveTo((await store.read("q", offset)).next);

    release();
    await expect(refused).rejects.toMatchObject({ code: "STORE_FAILED" });
    await writer.flush();
    await store.flush();
    expect(() => ahead.next()).toThrow(expect.objectContaining({ code: "OFFSET_INVALID" }));
    expect(behind.next()).toBeUndefined();

    const before = told;
    await writer.append("q", [bytes("after")]);
    await store.flush();
    expect(told).toBeGreaterThan(before);
    const { messages } = await store.read("q", behind.offset);
    expect(messages.map(({ data }) => new TextDecoder().decode(data))).toEqual(["after"]);
    await writer.close();
    await store.close();
  });

  it("are told when their queue is removed, and so is who waits for it", async () => {
    const disk = new SimulatedDisk();
    const writer = await openFileStore({ dir, port: disk });
    await writer.open("q");
    const { offset } = await writer.append("q", [bytes("a")]);
    const store = await openFileStore({ dir, port: disk, readonly: true });
    let told = 0;
    const reader = store.follow!("q", offset, { changed: () => (told += 1) });
    const waiting = store.wait("q", offset);
    await writer.remove("q");
    await store.flush();
    await waiting;
    expect(told).toBeGreaterThan(0);
    expect(() => reader.next()).toThrow(expect.objectContaining({ code: "QUEUE_NOT_FOUND" }));
    await writer.close();
    await store.close();
  });
});
