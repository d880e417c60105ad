import { createMemoryStore, openFileStore, openQueues, type Store } from "@lazy/fsqueue";
import { session } from "@lazy/context";
import { createHandler } from "@lazy/http";
import { describe, expect, test } from "vitest";
import { emptyFolder } from "./fixtures/lazy-serve.ts";
import { rawConnection, serve } from "./fixtures/serving.ts";

interface CaughtUp {
  readonly body: Buffer;
  readonly answers: number;
}

/** Reads a queue from an offset to its end, as a client would. */
async function catchUp(url: string, from = "-1"): Promise<CaughtUp> {
  const parts: Buffer[] = [];
  for (let offset = from; ;) {
    const answer = await fetch(`${url}?offset=${offset}`);
    expect(answer.status).toBe(200);
    parts.push(Buffer.from(await answer.arrayBuffer()));
    offset = answer.headers.get("stream-next-offset") ?? "";
    if (answer.headers.get("stream-up-to-date") === "true") {
      return { body: Buffer.concat(parts), answers: parts.length };
    }
  }
}

async function fill(store: Store, name: string, contentType: string, sizes: readonly number[]) {
  await store.open(name, { metadata: { "content-type": contentType } });
  const messages = sizes.map((size, n) => Buffer.from(`"${String(n).padEnd(size - 2, "x")}"`));
  for (let at = 0; at < messages.length; at += 500) {
    await store.append(name, messages.slice(at, at + 500));
  }
  return messages;
}

const shapes: [string, number[]][] = [
  ["one small message", [10]],
  ["a piece and a byte", [65_536, 3]],
  ["10,000 tokens", Array.from({ length: 10_000 }, () => 100)],
  ["pages among tokens", Array.from({ length: 300 }, (_, n) => (n % 30 === 0 ? 200_000 : 50))],
  ["more than one answer", Array.from({ length: 40 }, () => 300_000)],
];

describe.each([
  ["memory", async () => createMemoryStore()],
  ["files", async () => openFileStore({ dir: await emptyFolder() })],
])("catching up in %s", (_, open) => {
  test.each(shapes)("gives the bytes of %s, from anywhere", async (_name, sizes) => {
    const store = await open();
    const { queue } = await serve({ queues: store });
    const messages = await fill(store, "a", "text/plain", sizes);
    const offsets = (await store.read("a", "start", { max: 2, maxBytes: 1 << 30 })).messages;

    const whole = await catchUp(queue("a"));
    expect(whole.body.equals(Buffer.concat(messages))).toBe(true);
    const later = await catchUp(queue("a"), offsets[0]?.offset);
    expect(later.body.equals(Buffer.concat(messages.slice(1)))).toBe(true);
    await store.close();
  });

  test.each(shapes)("gives %s as JSON", async (_name, sizes) => {
    const store = await open();
    const { queue } = await serve({ queues: store });
    const messages = await fill(store, "a", "application/json", sizes);

    const answer = await fetch(queue("a"));
    const values = (await answer.json()) as string[];

    expect(values).toEqual(
      messages.slice(0, values.length).map((message) => JSON.parse(String(message))),
    );
    expect(answer.headers.get("stream-up-to-date") === "true").toBe(
      values.length === messages.length,
    );
    await store.close();
  });

  test("breaks off a body when its queue is removed, rather than end it as if it were whole", async () => {
    const store = await open();
    const handler = createHandler({ queues: store });
    await fill(
      store,
      "a",
      "text/plain",
      Array.from({ length: 4_000 }, () => 1_000),
    );

    const answer = await handler(new Request("http://here/v1/stream/a"));
    await store.remove("a");

    await expect(answer.arrayBuffer()).rejects.toThrow("There is no queue");
    expect(handler.stats.active).toBe(0);
    await store.close();
  });

  test("breaks off a body when another queue of the name has taken its queue's place", async () => {
    const store = await open();
    const errors: unknown[] = [];
    const handler = createHandler({ queues: store, onError: (error) => errors.push(error) });
    const sizes = (size: number) => Array.from({ length: 500 }, () => size);
    await fill(store, "a", "text/plain", sizes(1_000));

    const answer = await handler(new Request("http://here/v1/stream/a"));
    await store.remove("a");
    await fill(store, "a", "text/plain", sizes(10));

    await expect(answer.arrayBuffer()).rejects.toThrow(Error);
    expect(errors.length).toBe(1);
    await store.close();
  });

  test("is no failure of the server when the client goes away in the middle", async () => {
    const store = await open();
    const errors: unknown[] = [];
    const { server, handler } = await serve({
      queues: store,
      onError: (error) => errors.push(error),
    });
    await fill(
      store,
      "a",
      "text/plain",
      Array.from({ length: 40 }, () => 300_000),
    );

    const client = await rawConnection(server);
    client.pause();
    client.write("GET /v1/stream/a HTTP/1.1\r\nHost: here\r\n\r\n".repeat(5));
    await expect.poll(() => handler.stats.active).toBe(1);
    client.destroy();

    await expect.poll(() => handler.stats.active).toBe(0);
    expect(errors).toEqual([]);
    await store.close();
  });

  test("leaves for the next answer what is appended while one is written", async () => {
    const store = await open();
    const handler = createHandler({ queues: store });
    const messages = await fill(
      store,
      "a",
      "text/plain",
      Array.from({ length: 5_000 }, () => 100),
    );

    const answer = await handler(new Request("http://here/v1/stream/a"));
    await store.append("a", [Buffer.from("later")]);
    const body = Buffer.from(await answer.arrayBuffer());
    const next = answer.headers.get("stream-next-offset");
    const rest = await handler(new Request(`http://here/v1/stream/a?offset=${next}`));

    expect(body.equals(Buffer.concat(messages))).toBe(true);
    expect(await rest.text()).toBe("later");
    await store.close();
  });
});

test("a queue that is another one once it was measured is answered 500, not with what lay in memory", async () => {
  const store = await openFileStore({ dir: await emptyFolder() });
  const handler = createHandler({ queues: store, onError: () => {} });
  await fill(store, "a", "text/plain", [1_000]);
  const readInto = store.readInto!.bind(store);
  store.readInto = async (name, from, target, options) => {
    const result = await readInto(name, from, target, options);
    if (typeof target === "number") {
      await store.remove("a");
      await fill(store, "a", "text/plain", [10]);
    }
    return result;
  };

  const answer = await handler(new Request("http://here/v1/stream/a"));

  expect(answer.status).toBe(500);
  await store.close();
});

test("queues of sessions are JSON, under the session's id and their name", async () => {
  const queues = await openQueues({ store: createMemoryStore() });
  const { queue } = await serve({ queues });
  await session.run({ id: "a/b" }, async () => {
    await queues.queue("reply").enqueueMany([{ delta: "Hi" }, { delta: "!" }]);
  });

  const answer = await fetch(queue(`${encodeURIComponent("a%2Fb")}/reply`));

  expect(answer.headers.get("content-type")).toBe("application/json");
  expect(answer.headers.get("stream-closed")).toBe("true");
  expect(await answer.json()).toEqual([{ delta: "Hi" }, { delta: "!" }]);
  await queues.close();
});
