import { createMemoryStore, type Store } from "@lazy/fsqueue";
import { createHandler } from "@lazy/http";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { readEvents } from "./fixtures/event-reader.ts";
import { post, put, rawConnection, serve } from "./fixtures/serving.ts";

/** The store, and what live readers have under way in it. */
function watched() {
  const store: Store = createMemoryStore();
  const under = { waits: 0, followers: 0 };
  const wait = store.wait.bind(store);
  const follow = store.follow?.bind(store);
  store.wait = async (...call) => {
    under.waits += 1;
    await wait(...call).finally(() => (under.waits -= 1));
  };
  if (follow !== undefined) {
    store.follow = (...call) => {
      const reader = follow(...call);
      const close = reader.close.bind(reader);
      under.followers += 1;
      reader.close = () => {
        under.followers -= 1;
        close();
      };
      return reader;
    };
  }
  return { store, under };
}

/** Queues are looked up only once the function that this gives was called. */
function holdLookUps(store: Store): () => void {
  const info = store.info.bind(store);
  let release = (): void => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  store.info = async (name) => {
    await released;
    return info(name);
  };
  return () => release();
}

describe("an event stream that ends", () => {
  test.each([
    ["removed", false],
    ["removed while a fork still uses it", true],
  ])("because its queue was %s ends like any other, and is no failure", async (_, forked) => {
    const errors: unknown[] = [];
    const { queue, store } = await serve({ onError: (error) => errors.push(error) });
    await put(queue("a"), "text/plain", "one");
    const offset = (await store.info("a"))?.tail ?? "";
    if (forked) await store.open("fork", { fork: { from: "a" } });
    const answer = await fetch(`${queue("a")}?live=sse&offset=${offset}`);
    const text = answer.text();

    await fetch(queue("a"), { method: "DELETE" });

    expect(await text).toContain('"upToDate":true');
    expect(errors).toEqual([]);
  });

  test("because the store fails while it waits is broken off, and told", async () => {
    const errors: unknown[] = [];
    const { queue, store } = await serve({ onError: (error) => errors.push(error) });
    await put(queue("a"));
    // Not at once: a stream that went on all the same would leave no time for the limit of this test.
    store.wait = async () => {
      await new Promise((resolve) => setImmediate(resolve));
      throw new Error("the network is gone");
    };

    const answer = await fetch(`${queue("a")}?live=sse&offset=-1`);

    await expect(answer.text()).rejects.toThrow(TypeError);
    expect(errors).toEqual([new Error("the network is gone")]);
  });

  test("because its client went leaves nothing in the store", async () => {
    const { store, under } = watched();
    const { queue, handler } = await serve({ queues: store, live: { heartbeatMs: 100 } });
    await put(queue("a"));
    const readers = await Promise.all(
      ["sse&offset=-1", "sse&offset=-1", "long-poll&offset=now"].map((live) =>
        readEvents(`${queue("a")}?live=${live}`),
      ),
    );
    await expect.poll(() => [handler.stats.readers, under.waits > 0]).toEqual([3, true]);
    await post(queue("a"), "x");
    await expect.poll(() => under).toEqual({ waits: 1, followers: 1 });
    for (const { text } of readers.slice(0, 2)) {
      await expect.poll(text).toMatch(/data:x[^]*(: heartbeat\n\n[^]*){2}/);
    }

    for (const { socket } of readers) socket.destroy();

    await expect.poll(() => handler.stats).toMatchObject({ readers: 0, active: 0 });
    await expect.poll(() => under).toEqual({ waits: 0, followers: 0 });
  });
});

describe("a long-poll that ends", () => {
  test("because the store fails while it waits is answered 500, and told", async () => {
    const errors: unknown[] = [];
    const { queue, handler, store } = await serve({ onError: (error) => errors.push(error) });
    await put(queue("a"));
    store.wait = () => Promise.reject(new Error("the network is gone"));

    const answer = await fetch(`${queue("a")}?live=long-poll&offset=now`);

    expect(answer.status).toBe(500);
    expect(errors).toEqual([new Error("the network is gone")]);
    expect(handler.stats.readers).toBe(0);
  });

  test("because its queue was removed is answered so, and is no failure", async () => {
    const errors: unknown[] = [];
    const { queue, handler, store } = await serve({ onError: (error) => errors.push(error) });
    await put(queue("a"));
    const answer = fetch(`${queue("a")}?live=long-poll&offset=now`);
    await expect.poll(() => handler.stats.readers).toBe(1);

    await store.remove("a");

    expect((await answer).status).toBe(404);
    expect(errors).toEqual([]);
  });
});

describe("a client that goes", () => {
  test.each(["sse&offset=-1", "long-poll&offset=now"])(
    "before its queue was looked up is no reader: %s",
    async (live) => {
      const { queue, handler, store } = await serve();
      await put(queue("a"));
      const look = holdLookUps(store);
      const reader = await readEvents(`${queue("a")}?live=${live}`);
      await expect.poll(() => handler.stats.active).toBe(1);
      reader.socket.destroy();
      const other = fetch(queue("b"));
      await expect.poll(() => handler.stats.active).toBe(2); // the server has seen it go by now
      look();
      await other;

      await expect.poll(() => handler.stats).toMatchObject({ readers: 0, active: 0 });
    },
  );

  test("in the middle of its body is not waited for", async () => {
    const { handler, server } = await serve();
    const socket = await rawConnection(server);
    socket.write("PUT /v1/stream/a HTTP/1.1\r\nHost: here\r\nContent-Length: 100\r\n\r\nonly this");
    await expect.poll(() => handler.stats.active).toBe(1);

    socket.destroy();

    await expect.poll(() => handler.stats.active).toBe(0);
  });
});

test("a reader that takes what it is given is not dropped, however little that is", async () => {
  const { queue } = await serve({ limits: { slowReaderMs: 500 } });
  await put(queue("a"), "text/plain", "one");
  const startedAt = Date.now();
  const reader = await readEvents(`${queue("a")}?live=sse&offset=-1`);
  await expect.poll(() => Date.now() - startedAt).toBeGreaterThan(1_200);

  await post(queue("a"), "two");

  await expect.poll(() => reader.events().map((event) => event.data)).toContain("two");
});

describe("readers who share a frame", () => {
  test("are each given a cursor beyond their own", async () => {
    const { queue } = await serve();
    await put(queue("a"));
    const given = ["", "&cursor=99999999999"];
    const readers = await Promise.all(
      given.map((cursor) => readEvents(`${queue("a")}?live=sse&offset=-1${cursor}`)),
    );
    for (const reader of readers) await expect.poll(() => reader.events().length).toBe(1);

    await post(queue("a"), "x");

    for (const reader of readers) await expect.poll(() => reader.events().length).toBe(3);
    const cursors = readers.map((reader) => {
      return Number(JSON.parse(reader.events()[2]?.data ?? "").streamCursor);
    });
    expect(cursors[0]).toBeLessThan(99_999_999_999);
    expect(cursors[1]).toBeGreaterThan(99_999_999_999);
  });
});

describe("a handler that drains", () => {
  test("answers who waits, ends streams after their frame, and refuses what is new", async () => {
    const { queue, handler } = await serve();
    await put(queue("a"), "text/plain", "one");
    const poll = fetch(`${queue("a")}?live=long-poll&offset=now`);
    const stream = await fetch(`${queue("a")}?live=sse&offset=-1`);
    const text = stream.text();
    await expect.poll(() => handler.stats.readers).toBe(2);

    await handler.drain();

    expect((await poll).status).toBe(204);
    expect(await text).toMatch(/data:one\n[\s\S]*\n\n$/);
    expect(handler.stats).toEqual({ active: 0, readers: 0, draining: true });
    const refused = await fetch(queue("a"));
    expect(refused.status).toBe(503);
    expect(refused.headers.get("retry-after")).toBe("1");
    expect(refused.headers.get("connection")).toBe("close");
    expect(await refused.json()).toMatchObject({ error: { code: "DRAINING" } });
    await handler.drain();
  });

  test.each(["sse&offset=-1", "long-poll&offset=now"])(
    "keeps nobody waiting who had not come to it yet: %s",
    async (live) => {
      const { queue, handler, store } = await serve();
      await put(queue("a"));
      const look = holdLookUps(store);
      const answer = fetch(`${queue("a")}?live=${live}`);
      await expect.poll(() => handler.stats.active).toBe(1);
      const drained = handler.drain();
      look();

      await (await answer).text();
      await drained;
    },
  );
});

describe("what the handler tells", () => {
  test("is each request, and of failures those that no client caused", async () => {
    const errors: unknown[] = [];
    const records: unknown[] = [];
    const { queue } = await serve({
      onError: (error, { method }) => errors.push([method, String(error)]),
      onRequest({ method, path, status }) {
        records.push([method, path, status]);
        if (method === "HEAD") throw new Error("the log is full");
      },
    });
    await fetch(queue("none"));
    await put(queue("a"));
    expect((await fetch(queue("a"), { method: "HEAD" })).status).toBe(200);

    await expect
      .poll(() => records)
      .toEqual([
        ["GET", "/v1/stream/none", 404],
        ["PUT", "/v1/stream/a", 201],
        ["HEAD", "/v1/stream/a", 200],
      ]);
    await expect.poll(() => errors).toEqual([["HEAD", "Error: the log is full"]]);
  });
});

test("the timer that looks after readers runs while there are some, and keeps no process alive", async () => {
  const set = vi.spyOn(globalThis, "setInterval");
  const clear = vi.spyOn(globalThis, "clearInterval");
  onTestFinished(() => void vi.restoreAllMocks());
  const queues = createMemoryStore();
  const handler = createHandler({ queues });
  await queues.open("q");
  expect(set).not.toHaveBeenCalled();

  const answer = await handler(new Request("http://localhost/v1/stream/q?live=sse&offset=-1"));

  const timers = set.mock.results.map(({ value }) => value as NodeJS.Timeout);
  expect(timers.map((timer) => timer.hasRef())).toEqual([false]);
  expect(clear).not.toHaveBeenCalled();
  await answer.body?.cancel();
  expect(clear.mock.calls).toEqual([timers]);
});
