import { performance } from "node:perf_hooks";
import { type FilePort, type Store, isQueueError, openFileStore } from "@lazy/fsqueue";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { textsOf } from "./fixtures/check-promises.ts";
import { type RawRecord, readSegment } from "./fixtures/segment-bytes.ts";
import { type DiskImage, FOLDER, SimulatedDisk, systemError } from "./fixtures/simulated-disk.ts";

// A loaded machine is slow, not wrong.

const dir = "/disk/store";
const path = `${dir}/lane-000001/0000000001.seg`;

/** Queues that are written in turn, `batch` messages of each at a time. */
interface Shape {
  readonly queues: number;
  readonly messages: number;
  readonly batch: number;
  readonly lengthOf: (n: number) => number;
}

/** One queue, blocks of 20 records: its records stand one after another. */
const dense: Shape = { queues: 1, messages: 60, batch: 20, lengthOf: (n) => (n * 13) % 90 };
/** More than a page lies between two messages of a queue. */
const scattered: Shape = { queues: 30, messages: 40, batch: 1, lengthOf: (n) => 150 + (n % 7) };
/** The same, but two messages at a time, and some that are larger than a page. */
const mixed: Shape = {
  queues: 9,
  messages: 60,
  batch: 2,
  lengthOf: (n) => (n % 9 === 0 ? 9000 : n),
};

const nameOf = (queue: number): string => `q${queue}`;
const textOf = (shape: Shape, queue: number, n: number): string =>
  `${queue}.${n}.`.padEnd(shape.lengthOf(n), "-");
const expectedOf = (shape: Shape, queue: number): string[] =>
  Array.from({ length: shape.messages }, (_, n) => textOf(shape, queue, n));

async function write(store: Store, shape: Shape): Promise<void> {
  for (let queue = 0; queue < shape.queues; queue += 1) await store.open(nameOf(queue));
  for (let n = 0; n < shape.messages; n += shape.batch) {
    for (let queue = 0; queue < shape.queues; queue += 1) {
      const texts = expectedOf(shape, queue).slice(n, n + shape.batch);
      await store.append(
        nameOf(queue),
        texts.map((text) => Buffer.from(text)),
      );
    }
  }
}

async function imageOf(shape: Shape): Promise<DiskImage> {
  const disk = new SimulatedDisk();
  const store = await openFileStore({ dir, port: disk });
  await write(store, shape);
  await store.close();
  return disk.image();
}

function fileOf(image: DiskImage): Uint8Array {
  const file = image.get(path);
  if (file === undefined || file === FOLDER) throw new Error(path);
  return file;
}

/** What reading a queue gives after this happened to the file of an open store. */
async function readDamaged(
  image: DiskImage,
  queue: number,
  damage: { readonly at: number; readonly mask: number }[],
): Promise<string[] | Record<string, unknown>> {
  const disk = new SimulatedDisk({ image });
  const store = await openFileStore({ dir, port: disk });
  const descriptor = await disk.open(path, "write");
  for (const { at, mask } of damage) {
    const byte = Uint8Array.of(fileOf(image)[at]! ^ mask);
    disk.writeNow(descriptor, byte, 0, 1, at);
  }
  try {
    return await textsOf(store, nameOf(queue));
  } catch (error) {
    if (!isQueueError(error, "CORRUPT")) throw error;
    return error.details;
  } finally {
    await store.close();
  }
}

/** The records of the messages of a queue, which was the one after `queue` to be opened. */
function recordsOf(image: DiskImage, queue: number): RawRecord[] {
  return readSegment(fileOf(image)).filter((one) => one.type === 2 && one.queue === queue + 1);
}

describe.each([
  ["one after another", dense, 0],
  ["far apart", scattered, 17],
  ["of any size, two by two", mixed, 4],
] as const)("messages that are not in memory, %s", (_, shape, queue) => {
  it("come as they were written, for every queue, twice", async () => {
    const store = await openFileStore({
      dir,
      port: new SimulatedDisk({ image: await imageOf(shape) }),
    });
    for (let round = 0; round < 2; round += 1) {
      for (let one = 0; one < shape.queues; one += 1) {
        expect(await textsOf(store, nameOf(one))).toEqual(expectedOf(shape, one));
      }
    }
    await store.close();
  });

  it("and have a damaged byte anywhere are told by queue, message and place", async () => {
    const image = await imageOf(shape);
    const records = recordsOf(image, queue);
    expect(records.length).toBe(shape.messages);
    for (const n of [0, 1, 19, 20, shape.messages - 1]) {
      const { offset, payload } = records[n]!;
      const length = 24 + payload.length;
      for (let byte = 0; byte < length; byte += byte < 40 || byte > length - 8 ? 1 : 61) {
        const damage = [{ at: offset + byte, mask: 1 << (byte % 8) }];
        expect(await readDamaged(image, queue, damage)).toMatchObject({
          lane: 1,
          segment: 1,
          offset,
          queue: nameOf(queue),
          sequence: n,
        });
      }
    }
  });

  it("are told by the first that is damaged when several are", async () => {
    const image = await imageOf(shape);
    const records = recordsOf(image, queue);
    // The same bits at the same places of two messages of one length.
    const damage = [22, 31].map((n) => ({ at: records[n]!.offset + 30, mask: 8 }));
    expect(await readDamaged(image, queue, damage)).toMatchObject({ sequence: 22 });
  });
});

describe("a message in the place of another", () => {
  it.each([
    ["of the same queue", 17, 10],
    ["of another queue", 18, 3],
  ] as const)("%s is told, though it is intact", async (_, other, n) => {
    const image = await imageOf(scattered);
    const file = fileOf(image);
    const { offset, payload } = recordsOf(image, 17)[3]!;
    const from = recordsOf(image, other)[n]!.offset;
    const damage = Array.from({ length: 24 + payload.length }, (_byte, byte) => ({
      at: offset + byte,
      mask: file[offset + byte]! ^ file[from + byte]!,
    }));
    expect(await readDamaged(image, 17, damage)).toMatchObject({ queue: "q17", sequence: 3 });
  });
});

describe("another record in the place of a message", () => {
  it("is told, though it is intact, and of the same queue, length and sequence", async () => {
    const disk = new SimulatedDisk();
    const writer = await openFileStore({ dir, port: disk });
    await writer.open("q");
    const { offset } = await writer.append("q", [Buffer.from("first")]);
    await writer.append("q", [Buffer.from("other")]);
    await writer.cursors.set("q", "group", offset);
    await writer.close();
    const image = disk.image();
    const records = readSegment(fileOf(image)).filter(({ sequence }) => sequence === 1);
    const [message, cursor] = [2, 5].map((type) => records.find((one) => one.type === type)!);
    const store = await openFileStore({ dir, port: disk });
    const descriptor = await disk.open(path, "write");
    disk.writeNow(descriptor, fileOf(image), cursor!.offset, 24 + 5, message!.offset);
    await expect(store.read("q", "start")).rejects.toMatchObject({
      code: "CORRUPT",
      details: { offset: message!.offset, queue: "q", sequence: 1 },
    });
    await store.close();
  });
});

describe("a file that is cut while the store is open", () => {
  it("is told, though the memory for it holds what was read before", async () => {
    const disk = new SimulatedDisk({ image: await imageOf(dense) });
    const store = await openFileStore({ dir, port: disk });
    const target = new Uint8Array(100_000);
    expect((await store.readInto!("q0", "start", target)).messages).toBe(dense.messages);
    const descriptor = await disk.open(path, "write");
    await disk.truncate(descriptor, recordsOf(disk.image(), 0)[50]!.offset);
    await expect(store.readInto!("q0", "start", target)).rejects.toMatchObject({
      code: "CORRUPT",
      details: { queue: "q0", sequence: 50 },
    });
    await store.close();
  });
});

describe("damage between the messages of a queue", () => {
  it("hides none of them", async () => {
    const image = await imageOf(dense);
    const records = recordsOf(image, 0);
    const blocks = [20, 40].map((n) => records[n]!.offset - 32);
    for (const block of blocks) {
      for (let byte = 0; byte < 32; byte += 1) {
        const read = await readDamaged(image, 0, [{ at: block + byte, mask: 255 }]);
        expect(read).toEqual(expectedOf(dense, 0));
      }
    }
  });
});

describe("pages that are kept", () => {
  it("show what is written behind them meanwhile", async () => {
    const disk = new SimulatedDisk();
    // So little stays in memory that almost all is read from the file.
    const store = await openFileStore({ dir, port: disk, memoryBytes: 1 });
    await write(store, { ...scattered, messages: 1 });
    for (let n = 1; n < 40; n += 1) {
      for (let queue = 0; queue < scattered.queues; queue += 1) {
        await store.append(nameOf(queue), [Buffer.from(textOf(scattered, queue, n))]);
        await store.flush();
        const read = await textsOf(store, nameOf((queue * 7) % scattered.queues));
        expect(read[n - 1]).toBe(textOf(scattered, (queue * 7) % scattered.queues, n - 1));
      }
    }
    await store.close();
  });

  it("hold nothing that was not valid yet", async () => {
    const image = await imageOf(scattered);
    const file = fileOf(image);
    const tail = recordsOf(image, 17)[20]!.offset - 32;
    const partly = new Map(image).set(path, file.slice().fill(0, tail));
    partly.delete(`${dir}/index.snapshot`);
    const disk = new SimulatedDisk({ image: partly });
    const store = await openFileStore({ dir, port: disk, readonly: true });
    expect(await textsOf(store, nameOf(17))).toEqual(expectedOf(scattered, 17).slice(0, 20));
    expect(await textsOf(store, nameOf(16))).toEqual(expectedOf(scattered, 16).slice(0, 21));
    const descriptor = await disk.open(path, "write");
    disk.writeNow(descriptor, file, tail, file.length - tail, tail);
    await vi.waitFor(async () => {
      expect((await store.info(nameOf(17)))?.messages).toBe(scattered.messages);
    });
    for (const queue of [16, 17, 18]) {
      expect(await textsOf(store, nameOf(queue))).toEqual(expectedOf(scattered, queue));
    }
    await store.close();
  });

  it("make room for others", async () => {
    const image = await imageOf({ ...scattered, messages: 200 });
    // Room for 16 pages of the 260 of this log.
    const disk = new SimulatedDisk({ image });
    const store = await openFileStore({ dir, port: disk, memoryBytes: 1 });
    for (let queue = 0; queue < scattered.queues; queue += 1) {
      expect(await textsOf(store, nameOf(queue))).toEqual(
        expectedOf({ ...scattered, messages: 200 }, queue),
      );
    }
    await store.close();
  });

  it("spare the reads of neighbours", async () => {
    const disk = new SimulatedDisk({ image: await imageOf(scattered) });
    const reads = vi.spyOn(disk, "readNow");
    const store = await openFileStore({ dir, port: disk });
    reads.mockClear();
    // The clock stands still: on a loaded machine a read may seem slow, and is left to other threads then.
    vi.spyOn(performance, "now").mockReturnValue(0);
    onTestFinished(() => void vi.restoreAllMocks());
    for (let queue = 0; queue < scattered.queues; queue += 1) await textsOf(store, nameOf(queue));
    // 1200 messages on 55 pages; the last page is not whole, and each of its messages is a read.
    expect(reads.mock.calls.length).toBeLessThan(120);
    await store.close();
  });
});

/** The same disk, of which something happens before each read. */
function beforeReads(disk: SimulatedDisk, happens: (operation: string) => void): FilePort {
  return new Proxy<FilePort>(disk, {
    get(target, key) {
      const operation: unknown = Reflect.get(target, key);
      if (typeof operation !== "function") return operation;
      return (...input: unknown[]): unknown => {
        if (key === "readNow" || key === "read") happens(key);
        return Reflect.apply(operation, target, input);
      };
    },
  });
}

describe("a disk", () => {
  it("that is slow is left to other threads", async () => {
    const reads = { read: 0, readNow: 0 };
    const slow = beforeReads(
      new SimulatedDisk({ image: await imageOf(scattered) }),
      (operation) => {
        reads[operation as keyof typeof reads] += 1;
        for (const end = performance.now() + 0.3; performance.now() < end;);
      },
    );
    const store = await openFileStore({ dir, port: slow });
    reads.read = 0;
    expect(await textsOf(store, nameOf(3))).toEqual(expectedOf(scattered, 3));
    expect(reads.read).toBeGreaterThan(30);
    await store.close();
  });

  it.each([
    ["one after another", dense],
    ["far apart", scattered],
  ] as const)("that fails is told as STORE_FAILED: %s", async (_, shape) => {
    let failing = false;
    const disk = new SimulatedDisk({ image: await imageOf(shape) });
    const port = beforeReads(disk, () => {
      if (failing) throw systemError("EIO", path);
    });
    const store = await openFileStore({ dir, port });
    failing = true;
    await expect(store.read(nameOf(0), "start")).rejects.toMatchObject({
      code: "STORE_FAILED",
      details: { system: "EIO" },
    });
    failing = false;
    expect(await textsOf(store, nameOf(0))).toEqual(expectedOf(shape, 0));
    await store.close();
  });
});
