import { getEventListeners } from "node:events";
import { createMemoryStore, openFileStore, type Store } from "@lazy/fsqueue";
import { createHandler, type HandlerOptions } from "@lazy/http";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { emptyFolder } from "./fixtures/lazy-serve.ts";

const url = "http://here/v1/stream/a";
const text = { metadata: { "content-type": "text/plain" } };

/** A handler over a store with the queue `a`, and one that reads it from the beginning, live. */
async function following(options: Partial<HandlerOptions> = {}, store = createMemoryStore()) {
  onTestFinished(() => store.close());
  await store.open("a", text);
  const handler = createHandler({ queues: store, ...options });
  const controller = new AbortController();
  const request = new Request(`${url}?live=sse&offset=-1`, { signal: controller.signal });
  return { store, handler, controller, request };
}

/** A file store with the queue `a`, of as many bytes, each message of one letter. */
async function filled(messages: number): Promise<Store> {
  const store = await openFileStore({ dir: await emptyFolder() });
  onTestFinished(() => store.close());
  await store.open("a", text);
  for (let n = 0; n < messages; n++) {
    await store.append("a", [Buffer.alloc(40_000, 97 + (n % 26))]);
  }
  return store;
}

/** The rest of this turn of the event loop, and all of the next. */
async function turn(): Promise<void> {
  for (let n = 0; n < 2; n++) await new Promise((resolve) => setImmediate(resolve));
}

describe("a client of the Fetch handler that goes", () => {
  test("while it waits for more ends its stream, and is no reader any more", async () => {
    const { handler, controller, request } = await following();
    const reader = (await handler(request)).body!.getReader();
    await reader.read();
    const waiting = reader.read();
    await turn();

    controller.abort();

    expect(await waiting).toMatchObject({ done: true });
    expect(handler.stats).toMatchObject({ active: 0, readers: 0 });
  });

  test("between two pieces is no reader any more", async () => {
    const { handler, request } = await following();
    const reader = (await handler(request)).body!.getReader();
    await reader.read();

    await reader.cancel();

    expect(handler.stats).toMatchObject({ active: 0, readers: 0 });
  });

  test("while the store copies has nothing more read for it", async () => {
    const store = await filled(2);
    await store.append("a", [Buffer.alloc(200_000)]);
    const readInto = store.readInto!.bind(store);
    let release = (): void => {};
    const released = new Promise<void>((resolve) => (release = resolve));
    let copied: Promise<unknown> = released;
    store.readInto = async (name, from, target, options) => {
      if (typeof target !== "number" && from !== "start") await released;
      return (copied = readInto(name, from, target, options));
    };
    const handler = createHandler({ queues: store });
    const reader = (await handler(new Request(url))).body!.getReader();
    await reader.read();
    const next = reader.read();
    await turn();
    let reads = 0;
    store.read = () => Promise.reject(new Error(`read for nobody ${(reads += 1)}`));

    await reader.cancel();
    release();

    expect(await next).toMatchObject({ done: true });
    await released;
    await copied;
    await turn();
    expect(reads).toBe(0);
  });

  test("before its queue was looked up is given an end, and not waited for", async () => {
    const records: number[] = [];
    const { handler, store, controller, request } = await following({
      onRequest: ({ status }) => records.push(status),
    });
    const info = store.info.bind(store);
    store.info = async (name) => {
      controller.abort();
      return info(name);
    };

    const answer = await handler(request);

    expect(await answer.text()).toBe("");
    expect(handler.stats).toMatchObject({ active: 0, readers: 0 });
    expect(records).toEqual([200]);
    await handler.drain();
  });
});

describe("a signal of a Fetch request", () => {
  test.each(["sse", "long-poll"])(
    "is left without listeners after the answer: %s",
    async (live) => {
      const { handler, store } = await following();
      const request = new Request(`${url}?live=${live}&offset=now`);
      const before = getEventListeners(request.signal, "abort").length;
      const answering = handler(request);
      await expect.poll(() => handler.stats.readers).toBe(1);
      expect(getEventListeners(request.signal, "abort").length).toBeGreaterThan(before);
      await store.append("a", [Buffer.from("x")]);

      await (await answering).body!.cancel();

      expect(getEventListeners(request.signal, "abort").length).toBe(before);
    },
  );
});

describe("the body of a Fetch answer", () => {
  test("is not taken from a reader that waits for more, however long it waits", async () => {
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval", "Date"] });
    onTestFinished(() => void vi.useRealTimers());
    const { handler, store, request } = await following({ limits: { slowReaderMs: 1_000 } });
    const reader = (await handler(request)).body!.getReader();
    await reader.read();
    const waiting = reader.read();
    await turn();

    vi.advanceTimersByTime(5_000);
    await store.append("a", [Buffer.from("news")]);

    expect(Buffer.from((await waiting).value ?? []).toString()).toContain("data:news\n");
    await reader.cancel();
  });

  test("is made of pieces that stay what they are", async () => {
    const handler = createHandler({ queues: await filled(20) });
    const pieces: Uint8Array[] = [];

    for await (const piece of (await handler(new Request(url))).body!) pieces.push(piece);

    expect(pieces.length).toBeGreaterThan(5);
    const letters = Buffer.concat(pieces)
      .toString()
      .replaceAll(/(.)\1*/g, "$1");
    expect(letters).toBe("abcdefghijklmnopqrst");
  });

  test("is read from the store as it is taken, and no further", async () => {
    const store = await filled(20);
    const readInto = store.readInto!.bind(store);
    let copies = 0;
    store.readInto = (name, from, target, options) => {
      if (typeof target !== "number") copies += 1;
      return readInto(name, from, target, options);
    };
    const answer = await createHandler({ queues: store })(new Request(url));

    const reader = answer.body!.getReader();
    await reader.read();
    await reader.read();
    for (let n = 0; n < 20; n++) await turn();

    expect(copies).toBe(2);
    await reader.cancel();
  });

  test("breaks off when the store fails, which is told", async () => {
    const told: unknown[] = [];
    const { handler, store, request } = await following({
      onError: (error, context) => told.push([error, context]),
    });
    const failure = new Error("the network is gone");
    store.wait = () => turn().then(() => Promise.reject(failure));

    const answer = await handler(request);

    await expect(answer.text()).rejects.toThrow(failure);
    expect(told).toEqual([[failure, { method: "GET", path: "/v1/stream/a" }]]);
    expect(handler.stats).toMatchObject({ active: 0, readers: 0 });
  });

  test("is none for HEAD, whatever the answer", async () => {
    const { handler } = await following();

    const answer = await handler(new Request("http://here/v1/stream/none", { method: "HEAD" }));

    expect([answer.status, answer.body]).toEqual([404, null]);
  });
});

test("a Fetch request that says it is too long is refused before a byte of it is read", async () => {
  const { handler } = await following({ limits: { bodyBytes: 1_000 } });
  let asked = 0;
  const body = new ReadableStream(
    {
      pull(controller) {
        asked += 1;
        controller.enqueue(new Uint8Array(100));
        controller.close();
      },
    },
    { highWaterMark: 0 },
  );
  const headers = { "content-type": "text/plain", "content-length": "1001" };

  const answer = await handler(new Request(url, { method: "POST", headers, body, duplex: "half" }));

  expect([answer.status, asked]).toEqual([413, 0]);
});
