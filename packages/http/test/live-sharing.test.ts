import { createMemoryStore, openFileStore, type Store } from "@lazy/fsqueue";
import { createHandler, type Handler } from "@lazy/http";
import { describe, expect, onTestFinished, test } from "vitest";
import { parseEvents, readEvents } from "./fixtures/event-reader.ts";
import { emptyFolder } from "./fixtures/lazy-serve.ts";
import { post, put, serve } from "./fixtures/serving.ts";

const text = { metadata: { "content-type": "text/plain" } };
const letter = (n: number): string => String.fromCodePoint(97 + (n % 26));

/** An event stream of the queue `a`, read piece by piece through the Fetch handler. */
async function follow(handler: Handler, offset = "-1") {
  const url = `http://here/v1/stream/a?live=sse&offset=${offset}`;
  const reader = (await handler(new Request(url))).body!.getReader();
  return {
    next: async () => Buffer.from((await reader.read()).value ?? []).toString(),
    cancel: () => reader.cancel(),
  };
}

async function memoryStore(): Promise<Store> {
  const store = createMemoryStore();
  onTestFinished(() => store.close());
  await store.open("a", text);
  return store;
}

/** The rest of this turn of the event loop, and all of the next. */
async function turn(): Promise<void> {
  for (let n = 0; n < 2; n++) await new Promise((resolve) => setImmediate(resolve));
}

describe("readers of one queue who share", () => {
  test("a frame get it as it was, however late they take it", async () => {
    const { queue, handler, store } = await serve();
    await put(queue("a"));
    const quick = await follow(handler);
    await quick.next();
    const slow = await readEvents(`${queue("a")}?live=sse&offset=-1`);
    await expect.poll(() => slow.events().length).toBe(1);
    slow.socket.pause();

    // The quick one asks at once, so that it is the first to be woken and makes the frame for both.
    let taken = quick.next();
    for (let n = 0; n < 200; n++) {
      await turn();
      await store.append("a", [Buffer.alloc(60_000, letter(n))]);
      await taken;
      taken = quick.next();
    }
    await quick.cancel();
    await store.seal("a", { status: "ok" });
    slow.socket.resume();
    await slow.closed;

    const received = slow.events().filter((event) => event.type === "data");
    const letters = received.map(({ data }) => data.replaceAll(/(.)\1*/g, "$1")).join("");
    expect(letters).toBe(Array.from({ length: 200 }, (_, n) => letter(n)).join(""));
  });

  test("reads do so from where they stand: a late one gets what was before it", async () => {
    const { queue } = await serve();
    await put(queue("a"), "text/plain", "one");
    const first = await readEvents(`${queue("a")}?live=sse&offset=-1`);
    await expect.poll(() => first.text()).toContain("data:one");
    await post(queue("a"), "two");
    await expect.poll(() => first.text()).toContain("data:two");

    const late = await readEvents(`${queue("a")}?live=sse&offset=-1`);
    await expect.poll(() => late.text()).toContain("data:onetwo");
    await post(queue("a"), "three");

    await expect.poll(() => late.text()).toContain("data:three");
    await expect.poll(() => first.text()).toContain("data:three");
  });

  test("a read that fails end together, and who comes next reads anew", async () => {
    const store = await memoryStore();
    Object.assign(store, { follow: undefined });
    const handler = createHandler({ queues: store, onError: () => {} });
    const readers = [await follow(handler), await follow(handler)];
    for (const reader of readers) await reader.next();
    const read = store.read.bind(store);
    store.read = () => Promise.reject(new Error("the network is gone"));

    const pieces = readers.map((reader) => reader.next());
    await store.append("a", [Buffer.from("x")]);

    for (const piece of pieces) await expect(piece).rejects.toThrow("the network is gone");
    store.read = read;
    const next = await follow(handler);
    expect(await next.next()).toContain("data:x\n");
    await next.cancel();
  });

  test("a wait are woken by news alone, not by one of them who gives up meanwhile", async () => {
    for (let steps = 0; steps < 12; steps++) {
      const store = await memoryStore();
      const handler = createHandler({ queues: store });
      const [leaving, staying] = [await follow(handler), await follow(handler)];
      await leaving.next();
      await staying.next();
      leaving.next().catch(() => {});
      await turn();

      const news = staying.next();
      for (let step = 0; step < steps; step++) await Promise.resolve();
      await leaving.cancel();
      await turn();
      await store.append("a", [Buffer.from("x")]);

      expect(await news).toContain("data:x\n");
      await staying.cancel();
    }
  });

  test("a wait stand at one place: who was told late that there is nothing is not left behind", async () => {
    const store = await openFileStore({ dir: await emptyFolder() });
    onTestFinished(() => store.close());
    await store.open("a", text);
    Object.assign(store, { follow: undefined });
    const handler = createHandler({ queues: store });
    const late = await follow(handler);
    await late.next();
    const read = store.read.bind(store);
    let tell = (): void => {};
    store.read = async (...asked) => {
      const found = await read(...asked);
      store.read = read;
      await new Promise<void>((resolve) => (tell = resolve));
      return found;
    };

    const piece = late.next();
    await turn();
    await store.append("a", [Buffer.from("x")]);
    const other = await follow(handler);
    expect(await other.next()).toContain("data:x\n");
    const none = other.next();
    await turn();
    tell();

    expect(await Promise.race([piece, turn().then(turn).then(turn)])).toContain("data:x\n");
    await other.cancel();
    await none;
    await late.cancel();
  });

  test("what was just appended need not look for it in the files", async () => {
    const store = await openFileStore({ dir: await emptyFolder() });
    onTestFinished(() => store.close());
    await store.open("a", text);
    const handler = createHandler({ queues: store });
    const readers = [await follow(handler), await follow(handler)];
    for (const reader of readers) await reader.next();
    store.readInto = () => Promise.reject(new Error("looked into the files"));

    for (const n of ["1", "2", "3"]) {
      const pieces = readers.map((reader) => reader.next());
      await store.append("a", [Buffer.from(n)]);
      for (const piece of pieces) expect(await piece).toContain(`data:${n}\n`);
    }
    for (const reader of readers) await reader.cancel();
  });
});

describe.each([
  [
    "memory",
    async (fill: (store: Store) => Promise<void>) => {
      const store = createMemoryStore();
      await fill(store);
      return store;
    },
  ],
  [
    "files",
    async (fill: (store: Store) => Promise<void>) => {
      const dir = await emptyFolder();
      const store = await openFileStore({ dir });
      await fill(store);
      await store.close();
      return openFileStore({ dir });
    },
  ],
])("the frames of a long queue in %s", (_, opened) => {
  test.each([
    ["some of the size of a frame and more", [60_000, 60_000, 200_000, 10, 90_000, 97_000]],
    ["many small ones", Array.from({ length: 300 }, () => 1_000)],
  ])("come whole, and say of the last alone that there is no more: %s", async (__, sizes) => {
    const messages = sizes.map((size, n) => letter(n).repeat(size));
    const store = await opened(async (empty) => {
      await empty.open("a", text);
      for (const message of messages) await empty.append("a", [Buffer.from(message)]);
      await empty.seal("a", { status: "ok" });
    });
    onTestFinished(() => store.close());
    const handler = createHandler({ queues: store });

    const answer = await handler(new Request("http://here/v1/stream/a?live=sse&offset=-1"));

    const events = parseEvents(await answer.text());
    const data = events.filter(({ type }) => type === "data").map((event) => event.data);
    expect(data.join("") === messages.join("")).toBe(true);
    const controls = events.filter(({ type }) => type === "control").map((event) => event.data);
    expect(controls.map((control) => control.includes("upToDate"))).toEqual([
      ...controls.slice(1).map(() => false),
      true,
    ]);
    expect(controls.length).toBeGreaterThan(2);
  });
});
