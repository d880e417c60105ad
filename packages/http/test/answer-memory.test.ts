import { createMemoryStore, openFileStore, type Store } from "@lazy/fsqueue";
import { createHandler, type Handler } from "@lazy/http";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { emptyFolder } from "./fixtures/lazy-serve.ts";

const kibibyte = 1024;
const mebibyte = 1024 * kibibyte;

/** Fills a queue with messages of a thousand bytes. */
async function fill(store: Store, name: string, messages: number): Promise<void> {
  onTestFinished(() => store.close());
  await store.open(name, { metadata: { "content-type": "text/plain" } });
  const batch = Array.from({ length: 100 }, () => Buffer.alloc(1_000, "x"));
  for (let n = 0; n < messages; n += 100) await store.append(name, batch);
}

function get(handler: Handler, name: string, search = ""): Promise<Response> {
  return handler(new Request(`http://here/v1/stream/${name}${search}`));
}

function lengthOf(answer: Response): number {
  return Number(answer.headers.get("content-length"));
}

/** A handler over a queue `a` larger than an answer, in a store that gives messages only. */
async function limited(answerBytes: number): Promise<{ store: Store; handler: Handler }> {
  const store = createMemoryStore();
  await fill(store, "a", 5_000);
  return { store, handler: createHandler({ queues: store, limits: { answerBytes } }) };
}

describe("answers that are written at once", () => {
  test("share the memory for them, and give it back", async () => {
    const { handler } = await limited(mebibyte);

    const first = await get(handler, "a");
    const second = await get(handler, "a");
    expect(lengthOf(first)).toBeLessThan(512 * kibibyte);
    expect(lengthOf(second)).toBeLessThan(lengthOf(first));
    await first.text();
    await second.text();

    expect(lengthOf(await get(handler, "a"))).toBe(lengthOf(first));
  });

  test("count with what they hold though it is all there is", async () => {
    const { store, handler } = await limited(mebibyte);
    await store.open("large", { messages: [Buffer.alloc(900 * kibibyte)] });
    const alone = await get(handler, "a");
    await alone.text();

    const large = await get(handler, "large");
    const beside = await get(handler, "a");

    expect(lengthOf(beside)).toBeLessThan(lengthOf(alone) / 2);
    await large.arrayBuffer();
  });

  test("get on by 64 KiB and more, however little memory there is", async () => {
    const { handler } = await limited(1);

    const answer = await get(handler, "a");

    expect(lengthOf(answer)).toBeGreaterThanOrEqual(128 * kibibyte);
  });
});

test("no answer gives more than 4 MiB, so that a broken one need not begin from afar", async () => {
  const store = await openFileStore({ dir: await emptyFolder() });
  await fill(store, "a", 5_000);

  const answer = await get(createHandler({ queues: store }), "a");

  expect(lengthOf(answer)).toBeGreaterThan(4 * mebibyte - 2_000);
  expect(lengthOf(answer)).toBeLessThanOrEqual(4 * mebibyte);
  await answer.body!.cancel();
});

test("the buffer in which messages are joined is used again by the next answer", async () => {
  const store = createMemoryStore();
  await fill(store, "a", 200);
  const handler = createHandler({ queues: store });
  await (await get(handler, "a")).text();
  const allocated = vi.spyOn(Buffer, "allocUnsafeSlow");
  onTestFinished(() => allocated.mockRestore());

  for (let n = 0; n < 5; n++) expect((await (await get(handler, "a")).text()).length).toBe(200_000);

  expect(allocated).not.toHaveBeenCalled();
});

describe("the buffers of a store's copies", () => {
  /** A handler over a queue on files, and the buffers into which it is copied. */
  async function copying(): Promise<{ handler: Handler; buffers: Set<unknown> }> {
    const store = await openFileStore({ dir: await emptyFolder() });
    await fill(store, "a", 500);
    const buffers = new Set<unknown>();
    const readInto = store.readInto!.bind(store);
    store.readInto = (name, from, target, options) => {
      if (typeof target !== "number") buffers.add(target.buffer);
      return readInto(name, from, target, options);
    };
    return { handler: createHandler({ queues: store }), buffers };
  }

  test("are used again, by the answers after one that ended or was given up", async () => {
    const { handler, buffers } = await copying();
    await (await get(handler, "a")).text();
    for (let n = 0; n < 3; n++) {
      const reader = (await get(handler, "a")).body!.getReader();
      await reader.read();
      await reader.cancel();
    }
    await (await get(handler, "a")).text();

    expect(buffers.size).toBe(1);
  });

  test("are used again from frame to frame: two, one of which holds the frame", async () => {
    const { handler, buffers } = await copying();
    const reader = (await get(handler, "a", "?live=sse&offset=-1")).body!.getReader();
    for (let frame = 0; frame < 5; frame++) await reader.read();

    expect(buffers.size).toBe(2);
    await reader.cancel();
  });

  test("are used again by the event streams after one that was given up: the same two", async () => {
    const { handler, buffers } = await copying();
    for (let n = 0; n < 5; n++) {
      const reader = (await get(handler, "a", "?live=sse&offset=-1")).body!.getReader();
      await reader.read();
      await reader.cancel();
    }

    expect(buffers.size).toBe(2);
  });
});
