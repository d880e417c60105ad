import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { createMemoryStore, type Store } from "@lazy/fsqueue";
import { createHandler, type Handler } from "@lazy/http";
import { expect, onTestFinished, test, vi } from "vitest";
import { readEvents } from "./fixtures/event-reader.ts";
import { put, serve } from "./fixtures/serving.ts";

async function memoryStore(): Promise<Store> {
  const store = createMemoryStore();
  onTestFinished(() => store.close());
  await store.open("a", { metadata: { "content-type": "text/plain" } });
  return store;
}

function get(handler: Handler, search: string): Promise<Response> {
  return handler(new Request(`http://here/v1/stream/a${search}`));
}

/** Collects what nobody holds, without a flag on the command line. */
async function collectGarbage(): Promise<void> {
  setFlagsFromString("--expose-gc");
  const gc = runInNewContext("gc") as () => void;
  for (let round = 0; round < 3; round++) {
    await new Promise((resolve) => setImmediate(resolve));
    gc();
  }
}

test("nobody is looked after when all readers have gone", async () => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
  onTestFinished(() => void vi.useRealTimers());
  const { queue, handler } = await serve();
  await put(queue("a"));
  await expect.poll(() => vi.getTimerCount()).toBe(0);
  const stream = await readEvents(`${queue("a")}?live=sse&offset=-1`);
  const body = (await get(handler, "?live=sse&offset=-1")).body!.getReader();
  await body.read();
  await expect.poll(() => handler.stats.readers).toBe(2);
  expect(vi.getTimerCount()).toBe(1);

  await body.cancel();
  stream.socket.destroy();

  await expect.poll(() => handler.stats).toMatchObject({ active: 0, readers: 0 });
  expect(vi.getTimerCount()).toBe(0);
});

test("a long-poll that is answered leaves no timer", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  onTestFinished(() => void vi.useRealTimers());
  const store = await memoryStore();
  const handler = createHandler({ queues: store });
  const answer = get(handler, "?live=long-poll&offset=now");
  await expect.poll(() => vi.getTimerCount()).toBe(1);

  await store.append("a", [Buffer.from("x")]);

  expect(await (await answer).text()).toBe("x");
  expect(vi.getTimerCount()).toBe(0);
});

test("nothing of a reader that has gone is held in memory", async () => {
  const store = await memoryStore();
  const held: WeakRef<object>[] = [];
  const info = store.info.bind(store);
  const wait = store.wait.bind(store);
  const follow = store.follow!.bind(store);
  store.info = async (name) => {
    const found = await info(name);
    held.push(new WeakRef(found!));
    return found;
  };
  store.wait = (name, after, signal) => {
    held.push(new WeakRef(signal!));
    return wait(name, after, signal);
  };
  store.follow = (...call) => {
    const reader = follow(...call);
    held.push(new WeakRef(reader));
    return reader;
  };
  const handler = createHandler({ queues: store });
  for (const search of ["?live=sse&offset=-1", "?live=long-poll&offset=now"]) {
    const answering = get(handler, search);
    await expect.poll(() => handler.stats.readers).toBe(1);
    await store.append("a", [Buffer.from("x")]);
    const reader = (await answering).body!.getReader();
    await reader.read();
    const next = reader.read();
    await new Promise((resolve) => setImmediate(resolve));
    await reader.cancel();
    await next;
  }
  expect(held.length).toBeGreaterThan(4);

  await collectGarbage();

  expect(held.filter((reference) => reference.deref() !== undefined)).toEqual([]);
  expect(handler.stats).toEqual({ active: 0, readers: 0, draining: false });
});

test("the names of queues that had readers are not kept", async () => {
  const store = createMemoryStore();
  onTestFinished(() => store.close());
  const handler = createHandler({ queues: store, limits: { nameBytes: 4_096 } });
  const heapAfter = async (queues: number): Promise<number> => {
    for (let n = 0; n < queues; n++) {
      const name = String(n).padEnd(4_000, "x");
      await store.open(name);
      const url = `http://here/v1/stream/${name}?live=sse&offset=-1`;
      const reader = (await handler(new Request(url))).body!.getReader();
      await reader.read();
      await reader.cancel();
      await store.remove(name);
    }
    await collectGarbage();
    return process.memoryUsage().heapUsed;
  };
  const before = await heapAfter(100);

  const after = await heapAfter(2_000);

  expect((after - before) / 1024 / 1024).toBeLessThan(4);
});

test("a stream that is told to end while it looks for more does not wait for it", async () => {
  const store = await memoryStore();
  Object.assign(store, { follow: undefined });
  const read = store.read.bind(store);
  let look = (): void => {};
  const looked = new Promise<void>((resolve) => (look = resolve));
  const handler = createHandler({ queues: store });
  const reader = (await get(handler, "?live=sse&offset=-1")).body!.getReader();
  await reader.read();
  let looks = 0;
  store.read = async (...call) => {
    looks += 1;
    await looked;
    return read(...call);
  };

  const next = reader.read();
  await expect.poll(() => looks).toBe(1);
  const drained = handler.drain();
  look();

  expect(await next).toMatchObject({ done: true });
  await drained;
});
