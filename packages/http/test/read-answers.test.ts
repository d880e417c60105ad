import { type Store, createMemoryStore } from "@lazy/fsqueue";
import { createHandler, type HandlerOptions } from "@lazy/http";
import { describe, expect, onTestFinished, test } from "vitest";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const plain = { "content-type": "text/plain" };

interface Reading {
  readonly store: Store;
  readonly get: (search: string, headers?: Record<string, string>) => Promise<Response>;
}

/** The queue `q` with two messages, and what a GET of it answers. */
async function reading(options: Partial<HandlerOptions> = {}): Promise<Reading> {
  const store = createMemoryStore();
  onTestFinished(() => store.close());
  const handler = createHandler({ queues: store, authorize: () => true, ...options });
  const address = "http://localhost/v1/stream/q";
  await handler(new Request(address, { method: "PUT", headers: plain, body: "one" }));
  await handler(new Request(address, { method: "POST", headers: plain, body: "two" }));
  return {
    store,
    get: (search, headers = {}) => handler(new Request(address + search, { headers })),
  };
}

const etagOf = (response: Response): string => response.headers.get("etag") ?? "";
const sealed = { status: "ok" } as const;

describe("the ETag of a read", () => {
  test("answers 304 without a body to who has it, in any form and among others", async () => {
    const { get } = await reading();
    const etag = etagOf(await get(""));
    for (const known of [etag, `W/${etag}`, `"other", ${etag}`, "*"]) {
      const response = await get("", { "if-none-match": known });
      expect([known, response.status, await response.text()]).toEqual([known, 304, ""]);
      expect(etagOf(response)).toBe(etag);
    }
    const other = await get("", { "if-none-match": '"other"' });
    expect([other.status, await other.text()]).toEqual([200, "onetwo"]);
  });

  test("is another one for each beginning, end, seal and queue of the same name", async () => {
    const { store, get } = await reading();
    const [first] = (await store.read("q", "start", { max: 1 })).messages;
    const whole = etagOf(await get(""));
    const etags = [whole, etagOf(await get(`?offset=${first!.offset}`))];
    expect(etagOf(await get(""))).toBe(whole);
    await store.seal("q", sealed);
    etags.push(etagOf(await get("")));
    await store.remove("q");
    await store.open("q", { messages: [bytes("one"), bytes("two")] });
    etags.push(etagOf(await get("")));
    await store.append("q", [bytes("three")]);
    etags.push(etagOf(await get("")));
    expect(new Set(etags).size).toBe(5);
  });

  test("is not given to a read from now on", async () => {
    const { get } = await reading();
    const response = await get("?offset=now");
    expect(etagOf(response)).toBe("");
    expect(response.headers.get("cache-control")).toBe("no-store");
  });
});

describe("what a cache may keep", () => {
  test("is what cannot change, for a while, and the present end only to ask again", async () => {
    const { store, get } = await reading({ cache: "public" });
    const cacheOf = async (search = ""): Promise<string | null> =>
      (await get(search)).headers.get("cache-control");
    expect(await cacheOf()).toBe("public, no-cache");
    await store.seal("q", sealed);
    expect(await cacheOf()).toBe("public, max-age=60, stale-while-revalidate=300");
    expect(await cacheOf("?offset=now")).toBe("no-store");
  });

  test("is nothing where the server says so", async () => {
    const { store, get } = await reading({ cache: "no-store" });
    await store.seal("q", sealed);
    expect((await get("")).headers.get("cache-control")).toBe("no-store");
  });
});

describe("the headers of a read", () => {
  test("keep a stored page from being a page of this origin", async () => {
    const { get } = await reading();
    const policy = (await get("")).headers.get("content-security-policy");
    expect(policy).toBe("default-src 'none'; sandbox");
  });

  test("say how the queue ended, if not well", async () => {
    const { store, get } = await reading();
    await store.seal("q", { status: "error", message: "m" });
    const { headers } = await get("");
    expect([headers.get("stream-closed"), headers.get("stream-ending")]).toEqual(["true", "error"]);
  });
});

describe("a long-poll", () => {
  test("of what is there, of nothing, and of a sealed end is never kept and has a cursor", async () => {
    const { store, get } = await reading({ live: { longPollMs: 20 } });
    const { tail } = (await store.info("q"))!;
    const given = await get("?live=long-poll&offset=-1");
    expect([given.status, await given.text()]).toEqual([200, "onetwo"]);
    const empty = await get(`?live=long-poll&offset=${tail}`);
    expect([empty.status, empty.headers.get("stream-up-to-date")]).toEqual([204, "true"]);
    await store.seal("q", sealed);
    const end = await get(`?live=long-poll&offset=${tail}`);
    expect([end.status, end.headers.get("stream-closed")]).toEqual([204, "true"]);
    for (const { headers } of [given, empty, end]) {
      expect(headers.get("cache-control")).toBe("no-store");
      expect(headers.get("stream-cursor")).toMatch(/^\d+$/);
    }
  });

  test("gives the cursor of the interval, and a later one to who has that", async () => {
    const { get } = await reading();
    const cursorOf = async (cursor = ""): Promise<number> => {
      const { headers } = await get(`?live=long-poll&offset=-1${cursor}`);
      return Number(headers.get("stream-cursor"));
    };
    const now = await cursorOf();
    expect(await cursorOf("&cursor=5")).toBeLessThanOrEqual(now + 1);
    expect(await cursorOf(`&cursor=${now + 1000}`)).toBeGreaterThan(now + 1000);
    for (const none of ["-7e300", "7e300", "later", "0x7fffffffffff"]) {
      expect(await cursorOf(`&cursor=${none}`)).toBeLessThanOrEqual(now + 1);
    }
  });
});

describe("an event stream that connects again", () => {
  test("is told by 204 that there will be no more, and only then", async () => {
    const { store, get } = await reading();
    const { tail, head } = (await store.info("q"))!;
    const statusOf = async (search: string, headers: Record<string, string>): Promise<number> => {
      const response = await get(search, { accept: "text/event-stream", ...headers });
      await response.body?.cancel();
      return response.status;
    };
    expect(await statusOf("", { "last-event-id": tail })).toBe(200);
    await store.seal("q", sealed);
    expect(await statusOf("", { "last-event-id": tail })).toBe(204);
    expect(await statusOf("", { "last-event-id": head })).toBe(200);
    expect(await statusOf(`?offset=${tail}`, {})).toBe(200);
  });
});

describe("a read that is asked for wrongly", () => {
  test.each([
    "?offset=",
    "?offset=start",
    "?offset=a&offset=b",
    "?offset=%20",
    "?live=sse",
    "?live=long-poll",
    "?live=other&offset=-1",
    "?live=&offset=-1",
    "?live=long-poll&offset=-1&cursor=",
  ])("%s is refused with 400", async (search) => {
    const { get } = await reading();
    const response = await get(search);
    expect([response.status, await response.text()]).toEqual([
      400,
      expect.stringContaining("QUERY_INVALID"),
    ]);
  });

  test.each(["?live=sse&offset=x1", "?live=long-poll&offset=x1", "?offset=x1"])(
    "%s, an offset that nobody gave, is refused before the answer begins",
    async (search) => {
      const { get } = await reading();
      const { status } = await get(search);
      expect(status).toBe(400);
    },
  );
});
