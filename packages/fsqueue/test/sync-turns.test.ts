import { type Store, openFileStore } from "@lazy/fsqueue";
import { describe, expect, it } from "vitest";
import { textsOf } from "./fixtures/check-promises.ts";
import { SimulatedDisk, systemError } from "./fixtures/simulated-disk.ts";

const dir = "/disk/store";
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** A disk whose syncs can be held: what is written meanwhile they do not make durable. */
class HeldDisk extends SimulatedDisk {
  #held: Promise<void> | undefined;
  release = (): void => {};
  syncing = 0;
  failure: Error | undefined;

  hold(): void {
    this.#held = new Promise((resolve) => {
      this.release = () => {
        this.#held = undefined;
        resolve();
      };
    });
  }

  override async sync(descriptor: number): Promise<void> {
    this.syncing += 1;
    const held = this.#held;
    if (this.failure === undefined) await super.sync(descriptor);
    await held;
    if (this.failure !== undefined) throw this.failure;
  }
}

async function openHeld(): Promise<{ disk: HeldDisk; store: Store }> {
  const disk = new HeldDisk();
  const store = await openFileStore({ dir, port: disk });
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
