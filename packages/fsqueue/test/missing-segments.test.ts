import { type FileStore, openFileStore } from "@lazy/fsqueue";
import { createManualClock } from "@lazy/fsqueue/testing";
import { describe, expect, it } from "vitest";
import { textsOf } from "./fixtures/check-promises.ts";
import { readSegment } from "./fixtures/segment-bytes.ts";
import { type DiskImage, SimulatedDisk } from "./fixtures/simulated-disk.ts";

const dir = "/disk/store";
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const padded = (text: string): Uint8Array => bytes(text.padEnd(600, "."));

/** Each block has a segment of its own: all are longer than that. */
async function written(fill: (store: FileStore) => Promise<unknown>): Promise<DiskImage> {
  const disk = new SimulatedDisk();
  const options = { dir, port: disk, segmentBytes: 100, clock: createManualClock() };
  const store = await openFileStore({ ...options, indexBytes: Infinity });
  await fill(store);
  await store.close();
  return disk.image();
}

/** The image without the segment that has this type of record with this in its payload. */
function lacking(image: DiskImage, type: number, text: string): DiskImage {
  const segments = [...image].filter(([path]) => path.endsWith(".seg"));
  const found = segments.filter(([, file]) =>
    readSegment(file as Uint8Array).some(
      (record) => record.type === type && Buffer.from(record.payload).includes(text),
    ),
  );
  expect(found).toHaveLength(1);
  return new Map([...image].filter(([path]) => path !== found[0]![0]));
}

async function codeOfOpening(image: DiskImage): Promise<unknown> {
  const opening = openFileStore({ dir, port: new SimulatedDisk({ image }) });
  const error: unknown = await opening.catch((reason: unknown) => reason);
  return (error as { code?: unknown }).code;
}

/** What the death of the process that salvages it leaves, opened as usual. */
async function salvaged(image: DiskImage): Promise<{ store: FileStore; lost: unknown[] }> {
  const lost: unknown[] = [];
  const disk = new SimulatedDisk({ image });
  const options = { dir, port: disk, clock: createManualClock() };
  const salvage = ({ queue }: { queue: string | undefined }): void => {
    lost.push(queue);
  };
  const dying = await openFileStore({ ...options, salvage });
  const port = new SimulatedDisk({ image: disk.image() });
  await dying.close();
  return { store: await openFileStore({ ...options, port }), lost };
}

const OPEN = 1;
const DATA = 2;

describe("a segment file that is missing", () => {
  it("is told, or with `salvage` gone on without: messages in the middle", async () => {
    const image = await written(async (store) => {
      await store.open("q");
      for (const text of ["a", "b", "c"]) await store.append("q", [padded(text)]);
    });
    const without = lacking(image, DATA, "b...");
    expect(await codeOfOpening(without)).toBe("CORRUPT");
    const { store, lost } = await salvaged(without);
    expect(lost).toEqual(["q"]);
    expect((await textsOf(store, "q")).map((text) => text[0])).toEqual(["a", "c"]);
    await store.close();
  });

  it("the last messages of a queue whose state was written anew", async () => {
    const image = await written(async (store) => {
      await store.open("busy");
      await store.open("q", { messages: [bytes("kept")] });
      await store.append("busy", [new Uint8Array(5000)]);
      await store.remove("busy");
      await store.compact();
    });
    const without = lacking(image, DATA, "kept");
    expect(await codeOfOpening(without)).toBe("CORRUPT");
    const { store, lost } = await salvaged(without);
    expect(lost).toEqual(["q"]);
    expect(await textsOf(store, "q")).toEqual([]);
    // Who follows it goes over the gap, but not before what stands behind it is acknowledged.
    const reader = store.follow!("q", "start", { changed() {} });
    const appending = store.append("q", [bytes("after")]);
    expect(reader.next()).toBeUndefined();
    expect(reader.next()).toBeUndefined();
    const { offset } = await appending;
    expect(reader.next()?.offset).toBe(offset);
    await store.close();
  });

  it("the name of a queue from which another one was forked", async () => {
    const image = await written(async (store) => {
      await store.open("origin", { messages: [padded("o")] });
      await store.open("fork", { fork: { from: "origin" }, messages: [padded("f")] });
    });
    const without = lacking(image, OPEN, '"origin","created"');
    expect(await codeOfOpening(without)).toBe("CORRUPT");
    const { store, lost } = await salvaged(without);
    expect(lost).toEqual([undefined]);
    expect((await textsOf(store, "fork")).map((text) => text[0])).toEqual(["f"]);
    expect((await store.open("origin")).created).toBe(true);
    await store.close();
  });
});
