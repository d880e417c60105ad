import { type Store, openFileStore } from "@lazy/fsqueue";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { textsOf } from "./fixtures/check-promises.ts";
import { SimulatedDisk, systemError } from "./fixtures/simulated-disk.ts";

const dir = "/disk/store";
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** A disk whose syncs can be held: what is written meanwhile they do not make durable. */
class HeldDisk extends SimulatedDisk {
  #held: Promise<void> | undefined;
  release = (): void => {};
  syncing = 0;
  /** Those that are made with a promise: there is a sync under way. */
  writing = 0;
  heldWrites: Promise<void> | undefined;
  failure: Error | undefined;

  hold(): void {
    this.#held = new Promise((resolve) => {
      this.release = () => {
        this.#held = undefined;
        resolve();
      };
    });
  }

  override async write(...call: Parameters<SimulatedDisk["write"]>): Promise<number> {
    this.writing += 1;
    await this.heldWrites;
    return super.write(...call);
  }

  override async sync(descriptor: number): Promise<void> {
    this.syncing += 1;
    const held = this.#held;
    if (this.failure === undefined) await super.sync(descriptor);
    await held;
    if (this.failure !== undefined) throw this.failure;
  }
}

async function openHeld(
  durability: "written" | "synced" = "written",
): Promise<{ disk: HeldDisk; store: Store }> {
  const disk = new HeldDisk();
  const store = await openFileStore({ dir, port: disk, durability });
  await store.open("q");
  await store.flush();
  disk.syncing = 0;
  disk.hold();
  return { disk, store };
}

async function textsAfterCut(disk: SimulatedDisk): Promise<string[]> {
  const image = disk.cuts(() => 0)[0]!.image;
  const again = await openFileStore({ dir, port: new SimulatedDisk({ image }) });
  const texts = await textsOf(again, "q");
  await again.close();
  return texts;
}

describe("what is written while a sync is under way", () => {
  it.each([false, true])("becomes durable with the next one, asked for: %s", async (durable) => {
    // What is asked for does not become durable because its time is up.
    if (durable) vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    onTestFinished(() => void vi.useRealTimers());
    const { disk, store } = await openHeld();
    const first = store.append("q", [bytes("first")], { durable: true });
    await expect.poll(() => disk.syncing).toBe(1);
    const second = store.append("q", [bytes("second")], { durable });
    // Without `durable` it is only written, and does not wait for the sync.
    const told = second.then((receipt) => receipt.durable);
    if (!durable) await second;
    else for (let n = 0; n < 20; n += 1) await new Promise((resolve) => setImmediate(resolve));
    disk.release();
    await first;
    await told;
    expect(await textsAfterCut(disk)).toEqual(["first", "second"]);
    await store.close();
  });

  it("is carried over, or told, when that sync fails", async () => {
    const { disk, store } = await openHeld();
    const { durable: first } = await store.append("q", [bytes("first")]);
    const flushed = store.flush();
    await expect.poll(() => disk.syncing).toBe(1);
    const { durable: second } = await store.append("q", [bytes("second")]);
    disk.failure = systemError("EIO", "the segment");
    disk.release();
    for (const one of await Promise.allSettled([flushed, first, second])) {
      expect(one).toMatchObject({ status: "rejected", reason: { code: "STORE_FAILED" } });
    }
    disk.failure = undefined;
    await store.append("q", [bytes("third")], { durable: true });
    expect(await textsAfterCut(disk)).toEqual(["first", "second", "third"]);
    await store.close();
  });
});

describe("what is being written when a sync fails", () => {
  it("is refused, though it could be written: nothing more is acknowledged in that file", async () => {
    const { disk, store } = await openHeld();
    const { durable } = await store.append("q", [bytes("written")]);
    const flushed = store.flush();
    await expect.poll(() => disk.syncing).toBe(1);
    let releaseWrite = (): void => {};
    disk.heldWrites = new Promise((resolve) => (releaseWrite = resolve));
    const before = disk.writing;
    const refused = store.append("q", [bytes("refused")]);
    await expect.poll(() => disk.writing).toBe(before + 1);
    disk.failure = systemError("EIO", "the segment");
    disk.release();
    for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    disk.heldWrites = undefined;
    releaseWrite();
    for (const one of await Promise.allSettled([flushed, durable, refused])) {
      expect(one).toMatchObject({ status: "rejected", reason: { code: "STORE_FAILED" } });
    }
    disk.failure = undefined;
    await store.append("q", [bytes("after")], { durable: true });
    expect(await textsAfterCut(disk)).toEqual(["written", "after"]);
    await store.close();
  });
});

describe("what is waiting to be synced when the store closes", () => {
  it("is synced, and nothing keeps the process alive after it", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    onTestFinished(() => void vi.useRealTimers());
    const disk = new HeldDisk();
    const store = await openFileStore({ dir, port: disk });
    await store.open("q");
    await store.append("q", [bytes("a")]);
    expect(vi.getTimerCount()).toBeGreaterThan(0);
    await store.close();
    expect(vi.getTimerCount()).toBe(0);
    expect(await textsAfterCut(disk)).toEqual(["a"]);
  });
});

describe("what is laid down and not written yet", () => {
  it("is read neither from its queue nor from a fork of it", async () => {
    const { disk, store } = await openHeld("synced");
    const first = store.append("q", [bytes("first")]);
    await expect.poll(() => disk.syncing).toBe(1);
    const second = store.append("q", [bytes("second")]);
    const forked = store.open("fork", { fork: { from: "q" } });
    expect(await textsOf(store, "fork")).toEqual([]);
    disk.release();
    disk.hold();
    await first;
    expect(await textsOf(store, "q")).toEqual(["first"]);
    disk.release();
    await Promise.all([second, forked]);
    for (const name of ["q", "fork"]) {
      expect(await textsOf(store, name)).toEqual(["first", "second"]);
    }
    await store.close();
  });
});

describe("two who ask for the same to be durable", () => {
  it("are both told, though the second asks while the sync is under way", async () => {
    const { disk, store } = await openHeld();
    const first = store.append("q", [bytes("a")], { durable: true });
    await expect.poll(() => disk.syncing).toBe(1);
    const second = store.flush();
    disk.release();
    await Promise.all([first, second]);
    await store.close();
  });
});

describe("a message that did not become durable", () => {
  it("tells only who asks", async () => {
    const { disk, store } = await openHeld();
    const { durable } = await store.append("q", [bytes("a")]);
    disk.failure = systemError("EIO", "the segment");
    disk.release();
    await expect.poll(() => disk.syncing).toBeGreaterThan(1);
    // Not looked at for some turns: no unhandled rejection, which would fail this run.
    for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    await expect(durable).rejects.toMatchObject({ code: "STORE_FAILED" });
    disk.failure = undefined;
    await store.flush();
    await store.close();
  });

  it("tells who asks late", async () => {
    const { disk, store } = await openHeld();
    const receipt = await store.append("q", [bytes("a")]);
    disk.failure = systemError("EIO", "the segment");
    disk.release();
    await expect.poll(() => disk.syncing).toBeGreaterThan(1);
    for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    await expect(receipt.durable).rejects.toMatchObject({ code: "STORE_FAILED" });
    disk.failure = undefined;
    await store.flush();
    await store.close();
  });
});
