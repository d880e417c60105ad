import { type FilePort, type FileStore, type Store, openFileStore } from "@lazy/fsqueue";
import { createManualClock } from "@lazy/fsqueue/testing";
import { afterEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { textsOf } from "./fixtures/check-promises.ts";
import { portWith } from "./fixtures/port-with.ts";
import { SimulatedDisk, systemError } from "./fixtures/simulated-disk.ts";
import { dumpStore } from "./fixtures/store-dump.ts";

const dir = "/disk/store";
const pathOf = (number: number): string => `${dir}/lane-000001/000000000${number}.seg`;
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const nobody = { changed(): void {} };
const clock = createManualClock();

/** Without timers: those that poll move the faked ones on. */
async function until(condition: () => Promise<boolean>): Promise<boolean> {
  for (let turn = 0; turn < 1000; turn += 1) {
    if (await condition()) return true;
    await new Promise((resolve) => setImmediate(resolve));
  }
  return false;
}

function fakeIntervals(): void {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
  onTestFinished(() => void vi.useRealTimers());
}

const stores: Store[] = [];
afterEach(async () => {
  for (const store of stores.splice(0)) await store.close();
});

async function openWriter(port: FilePort): Promise<FileStore> {
  const options = { dir, port, durability: "synced", segmentBytes: 2000, clock } as const;
  const store = await openFileStore(options);
  stores.push(store);
  return store;
}

async function openReader(port: FilePort): Promise<Store> {
  const store = await openFileStore({ dir, port, readonly: true, clock });
  stores.push(store);
  return store;
}

/** A writer that has a queue with a message, a reader, and how to have the writer give its lane up. */
async function openBoth(changes: (disk: SimulatedDisk) => Partial<FilePort> = () => ({})) {
  const disk = new SimulatedDisk();
  let refusing: (() => Promise<unknown>) | undefined;
  const writer = await openWriter(
    portWith(disk, {
      async sync(descriptor) {
        const meanwhile = refusing;
        refusing = undefined;
        await meanwhile?.();
        if (meanwhile !== undefined) throw systemError("EIO", "the lane");
        return disk.sync(descriptor);
      },
    }),
  );
  await writer.open("q", { messages: [bytes("before")] });
  const reader = await openReader(portWith(disk, changes(disk)));
  /** What is appended stands in the file, and does not count in the end. */
  const refuse = async (meanwhile: () => Promise<unknown> = async () => {}): Promise<void> => {
    refusing = meanwhile;
    await expect(writer.append("q", [bytes("refused")])).rejects.toMatchObject({
      code: "STORE_FAILED",
    });
    await writer.flush();
  };
  return { disk, writer, reader, refuse };
}

describe("a store that reads along", () => {
  it("holds what the writer holds, after every kind of change", async () => {
    const { writer, reader } = await openBoth();
    const changes: (() => Promise<unknown>)[] = [
      () => writer.append("q", [bytes("a"), bytes("bb"), bytes("ccc")]),
      () => writer.open("fork", { fork: { from: "q" } }),
      () => writer.append("fork", [bytes("f")]),
      () => writer.trim("q", "0000000000000002"),
      () => writer.take("fork", 1),
      () => writer.open("other", { messages: [bytes("o")], ending: { status: "ok" } }),
      () => writer.remove("other"),
      () => writer.remove("q"),
    ];
    for (const change of changes) {
      await change();
      await reader.flush();
      expect(await dumpStore(reader, [])).toEqual(await dumpStore(writer, []));
    }
    await expect(reader.read("other", "start")).rejects.toMatchObject({ code: "QUEUE_NOT_FOUND" });
    await expect(reader.read("q", "start")).rejects.toMatchObject({ code: "QUEUE_REMOVED" });
    await writer.remove("fork");
    await reader.flush();
    await expect(reader.read("q", "start")).rejects.toMatchObject({ code: "QUEUE_NOT_FOUND" });
  });

  it("shows no end before the messages that stand before it", async () => {
    const { writer, reader } = await openBoth();
    const live = reader.follow!("q", "now", nobody);
    for (const text of ["a", "b", "c"]) await writer.append("q", [bytes(text)]);
    await writer.seal("q", { status: "ok" });
    await writer.open("other");
    const flushed = new AbortController();
    const flushing = reader.flush().finally(() => flushed.abort());
    while (!flushed.signal.aborted) {
      expect(live.ending).toBeUndefined();
      await Promise.resolve();
    }
    await flushing;
    expect((await reader.info("q"))?.ending).toEqual({ status: "ok" });
  });

  it("lets go of segments that the writer gave back", async () => {
    const { disk, writer, reader } = await openBoth();
    await writer.open("other");
    for (const name of ["q", "q", "q", "other", "other", "other"]) {
      await writer.append(name, [new Uint8Array(2000)]);
    }
    await reader.flush();
    const { openFiles } = disk;
    await writer.trim("q", "now");
    await writer.remove("other");
    await writer.compact();
    await reader.flush();
    expect(disk.openFiles).toBeLessThan(openFiles - 5);
    expect((await reader.stats()).diskBytes).toBe((await writer.stats()).diskBytes);
  });

  it("but not of those in which it still finds messages: where they are now it reads later", async () => {
    let compact: (() => Promise<void>) | undefined;
    let listings = 0;
    const { disk, writer, reader } = await openBoth((shared) => ({
      async list(path) {
        // First it looks for new segments, then for those that are gone.
        if (path !== dir && compact !== undefined && (listings += 1) === 2) await compact();
        return shared.list(path);
      },
    }));
    await writer.open("busy", { messages: [new Uint8Array(2000)] });
    await writer.append("busy", [new Uint8Array(2000)]);
    await reader.flush();
    await writer.remove("busy");
    await reader.flush();
    compact = () => writer.compact();
    await reader.flush();
    compact = undefined;
    expect(disk.image().has(pathOf(1))).toBe(false);
    expect(await textsOf(reader, "q")).toEqual(["before"]);
    await reader.flush();
    expect(await textsOf(reader, "q")).toEqual(["before"]);
  });

  it("has taken in what stood there at the call of `flush`, also while it is reading", async () => {
    let held: Promise<void> | undefined;
    let reached = false;
    const { writer, reader } = await openBoth((shared) => ({
      async size(descriptor) {
        const size = await shared.size(descriptor);
        reached = held !== undefined;
        await held;
        return size;
      },
    }));
    let release = (): void => {};
    held = new Promise((resolve) => (release = resolve));
    const first = reader.flush();
    await expect.poll(() => reached).toBe(true);
    held = undefined;
    await writer.append("q", [bytes("meanwhile")]);
    const second = reader.flush();
    release();
    await second;
    expect(await textsOf(reader, "q")).toEqual(["before", "meanwhile"]);
    await first;
  });

  it("looks by itself, where the system tells of no change", async () => {
    const { writer, reader } = await openBoth();
    await writer.append("q", [new Uint8Array(3000)]);
    await writer.append("q", [bytes("in the next segment")]);
    await expect.poll(async () => (await reader.info("q"))?.messages).toBe(3);
  });

  it("looks when the system tells of a change, for new files if it tells of one", async () => {
    fakeIntervals(); // it does not look by itself
    let tell: ((created: boolean) => void) | undefined;
    const { writer, reader } = await openBoth(() => ({
      watch(_, changed) {
        tell = changed;
        return () => {};
      },
    }));
    const count = async (): Promise<unknown> => (await reader.info("q"))?.messages;
    await writer.append("q", [new Uint8Array(3000)]);
    tell?.(false);
    expect(await until(async () => (await count()) === 2)).toBe(true);
    await writer.append("q", [bytes("in the next segment")]);
    tell?.(true);
    expect(await until(async () => (await count()) === 3)).toBe(true);
  });

  it("watches one folder, and none when it is closed; nor does it look any more", async () => {
    let watching = 0;
    fakeIntervals();
    const { reader, refuse } = await openBoth(() => ({
      watch() {
        watching += 1;
        return () => (watching -= 1);
      },
    }));
    expect(vi.getTimerCount()).toBe(1);
    await refuse();
    await reader.flush();
    expect(watching).toBe(1);
    await reader.close();
    expect(watching).toBe(0);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("opens though a segment is given back while it does", async () => {
    const { disk } = await openBoth();
    let missing = 1;
    const port = portWith(disk, {
      async open(path, mode) {
        if (path === pathOf(1) && missing-- > 0) throw systemError("ENOENT", path);
        return disk.open(path, mode);
      },
    });
    expect(await textsOf(await openReader(port), "q")).toEqual(["before"]);
  });

  it("keeps no file open that is just being created", async () => {
    const { disk, reader } = await openBoth();
    await disk.close(await disk.open(pathOf(2), "create"));
    const { openFiles } = disk;
    for (let n = 0; n < 3; n += 1) await reader.flush();
    expect(disk.openFiles).toBe(openFiles);
    await disk.remove(pathOf(2));
  });
});

describe("a store that reads along while the writer gives up its lane", () => {
  it("reads of the old one what counts", async () => {
    let giveUp: (() => Promise<void>) | undefined;
    const { writer, reader, refuse } = await openBoth((shared) => ({
      async list(path) {
        // The old segment was read up to here.
        const now = giveUp;
        giveUp = undefined;
        await now?.();
        return shared.list(path);
      },
    }));
    giveUp = () => refuse();
    await reader.flush();
    expect(giveUp).toBeUndefined();
    expect(await textsOf(reader, "q")).toEqual(["before"]);
    await writer.append("q", [bytes("after")]);
    await reader.flush();
    expect(await textsOf(reader, "q")).toEqual(["before", "after"]);
  });

  it("tells who waits and who follows, if it had read what does not count", async () => {
    const { writer, reader, refuse } = await openBoth();
    const { tail } = (await reader.info("q"))!;
    let told = 0;
    reader.follow!("q", tail, { changed: () => (told += 1) });
    let waiting: Promise<void> | undefined;
    await refuse(async () => {
      await expect
        .poll(async () => {
          await reader.flush();
          return (await reader.info("q"))?.messages;
        })
        .toBe(2);
      waiting = reader.wait("q", (await reader.info("q"))!.tail);
    });
    const before = told;
    await reader.flush();
    expect((await reader.info("q"))?.messages).toBe(1);
    expect(told).toBeGreaterThan(before);
    await waiting;
    await writer.flush();
  });

  it("takes no queue for another of its name that was made since", async () => {
    const { writer, reader, refuse } = await openBoth();
    const live = reader.follow!("q", "now", nobody);
    await refuse(async () => {
      await expect
        .poll(async () => {
          await reader.flush();
          return (await reader.info("q"))?.messages;
        })
        .toBe(2);
    });
    await writer.remove("q");
    await writer.open("q", { messages: [bytes("another's"), bytes("also")] });
    await reader.flush();
    expect(await textsOf(reader, "q")).toEqual(["another's", "also"]);
    expect(() => live.next()).toThrow(expect.objectContaining({ code: "QUEUE_NOT_FOUND" }));
  });
});
