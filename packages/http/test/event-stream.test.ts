import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createMemoryStore } from "@lazy/fsqueue";
import { createHandler } from "@lazy/http";
import { parseEvents, readEvents } from "./fixtures/event-reader.ts";
import { close, post, put, serve } from "./fixtures/serving.ts";

const eventSource = { accept: "text/event-stream" };

describe("an event stream", () => {
  test("says how long to wait, and carries the offset as id of every event", async () => {
    const { queue } = await serve({ live: { retryMs: 1234 } });
    await put(queue("a"), "application/json", '[{"n":1},{"n":2}]');
    await close(queue("a"));

    const reader = await readEvents(`${queue("a")}?live=sse&offset=-1`);
    await reader.closed;

    expect(reader.text()).toContain("retry: 1234\n\n");
    // For nginx, which hides it from clients.
    expect(reader.text().toLowerCase()).toContain("x-accel-buffering: no\r\n");
    const [data, control] = reader.events();
    expect(data).toMatchObject({ type: "data", data: '[{"n":1},{"n":2}]' });
    expect(control).toMatchObject({ type: "control", id: data?.id });
    expect(JSON.parse(control?.data ?? "")).toEqual({
      streamNextOffset: data?.id,
      streamClosed: true,
      upToDate: true,
    });
  });

  test("begins at the beginning for an EventSource, which asks for nothing but events", async () => {
    const { queue } = await serve();
    await put(queue("a"), "text/plain", "hello");
    await close(queue("a"));

    const reader = await readEvents(queue("a"), eventSource);
    await reader.closed;

    expect(reader.events()[0]).toMatchObject({ type: "data", data: "hello" });
  });

  test("goes on after Last-Event-ID, whatever offset the address has", async () => {
    const { queue } = await serve();
    const created = await put(queue("a"), "text/plain", "one");
    await post(queue("a"), "two");
    await close(queue("a"));

    const offset = created.headers.get("stream-next-offset") ?? "";
    const reader = await readEvents(`${queue("a")}?live=sse&offset=-1`, {
      "last-event-id": offset,
    });
    await reader.closed;

    expect(reader.events().map((event) => event.data)).toEqual(["two", expect.any(String)]);
  });

  test("from now on has an id before there is a message, so that one which breaks off misses none", async () => {
    const { queue, store } = await serve();
    await put(queue("a"), "text/plain", "one");

    const reader = await readEvents(`${queue("a")}?live=sse&offset=now`, eventSource);

    await expect.poll(() => reader.events().length).toBe(1);
    expect(reader.events()[0]).toMatchObject({
      type: "control",
      id: (await store.info("a"))?.tail,
    });
  });

  test("answers 204 to an EventSource that has read all of a sealed queue, and to no other", async () => {
    const { queue, store } = await serve();
    await put(queue("a"), "text/plain", "one");
    const tail = (await store.info("a"))?.tail ?? "";

    const open = await readEvents(queue("a"), { ...eventSource, "last-event-id": tail });
    await expect.poll(() => open.text()).toContain("HTTP/1.1 200");
    open.socket.destroy();
    await close(queue("a"));
    const sealed = await fetch(queue("a"), { headers: { ...eventSource, "last-event-id": tail } });
    const firstTime = await fetch(`${queue("a")}?live=sse&offset=${tail}`);

    expect(sealed.status).toBe(204);
    expect(firstTime.status).toBe(200);
    expect(await firstTime.text()).toContain('"streamClosed":true');
  });

  test("sends a comment when nothing else is to be sent, now and then", async () => {
    const { queue } = await serve({ live: { heartbeatMs: 100 } });
    await put(queue("a"));
    const began = Date.now();

    const reader = await readEvents(`${queue("a")}?live=sse&offset=-1`);

    await expect.poll(reader.text, { timeout: 5_000 }).toMatch(/(: heartbeat\n\n.*){2}/s);
    const beats = reader.text().split("heartbeat").length - 1;
    expect(beats).toBeLessThanOrEqual((Date.now() - began) / 100);
    expect(reader.events().map((event) => event.type)).toEqual(["control"]);
  });

  test("carries JSON of several lines in one", async () => {
    const { queue, store } = await serve();
    await put(queue("a"), "application/json", '{"a":\r\n1}');
    await store.append("a", [Buffer.from("[\r2,\n3]")]);
    await close(queue("a"));

    const reader = await readEvents(`${queue("a")}?live=sse&offset=-1`);
    await reader.closed;

    expect(reader.events()[0]?.data).toBe('[{"a":  1},[ 2, 3]]');
  });

  test("ends between two frames when it is time to connect anew", async () => {
    const { queue, handler } = await serve({ live: { rotateMs: 1 } });
    await put(queue("a"), "text/plain", "one");

    const reader = await readEvents(`${queue("a")}?live=sse&offset=-1`);
    await reader.closed;

    expect(reader.events().map((event) => event.type)).toEqual(["data", "control"]);
    expect(reader.text().endsWith("\n\n")).toBe(true);
    expect(handler.stats.readers).toBe(0);
  });

  test("ends when its queue is removed", async () => {
    const { queue } = await serve();
    await put(queue("a"));
    const reader = await readEvents(`${queue("a")}?live=sse&offset=-1`);
    await expect.poll(() => reader.events().length).toBe(1);

    await fetch(queue("a"), { method: "DELETE" });

    await reader.closed;
  });

  test("tells how a queue ended if not well", async () => {
    const { queue, store } = await serve();
    await put(queue("a"));
    await store.seal("a", {
      status: "error",
      name: "Error",
      message: "the model\nfell over",
      code: "E",
    });

    const reader = await readEvents(`${queue("a")}?live=sse&offset=-1`);
    await reader.closed;

    expect(JSON.parse(reader.events()[0]?.data ?? "")).toMatchObject({
      streamClosed: true,
      streamEnding: { status: "error", message: "the model\nfell over", code: "E" },
    });
    expect((await fetch(queue("a"))).headers.get("stream-ending")).toBe("error");
  });

  test("keeps a queue alive whose TTL is shorter than the silence between two messages", async () => {
    const { queue, handler, store } = await serve();
    await put(queue("a"), "text/plain", "", { "stream-ttl": "1" });
    const { createdAt } = (await store.info("a")) ?? { createdAt: 0 };

    const reader = await readEvents(`${queue("a")}?live=sse&offset=-1`);
    await expect.poll(() => Date.now() - createdAt, { timeout: 5_000 }).toBeGreaterThan(2_200);

    expect(await store.info("a")).toBeDefined();
    reader.socket.destroy();
    await expect.poll(() => handler.stats.readers).toBe(0);
  });

  test("carries any text: what a client joins from the lines is what was appended", async () => {
    const text = fc
      .array(
        fc.constantFrom("\n", "\r", "\r\n", " ", "a", "data:", "id: 0", ":", "é", "🙂", "event: x"),
        {
          minLength: 1,
          maxLength: 12,
        },
      )
      .map((parts) => parts.join(""));

    await fc.assert(
      fc.asyncProperty(text, async (payload) => {
        const store = createMemoryStore();
        const handler = createHandler({ queues: store });
        const url = "http://here/v1/stream/a";
        const headers = { "content-type": "text/plain", "stream-closed": "true" };
        await handler(new Request(url, { method: "PUT", headers, body: payload }));

        const answer = await handler(new Request(`${url}?live=sse&offset=-1`));
        const [event] = parseEvents(await answer.text());

        expect(event?.type).toBe("data");
        expect(event?.data).toBe(payload.replaceAll(/\r\n|\r/g, "\n"));
      }),
    );
  });
});
