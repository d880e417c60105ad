import { once } from "node:events";
import { readdirSync } from "node:fs";
import { platform } from "node:os";
import { describe, expect, test } from "vitest";
import { readEvents } from "./fixtures/event-reader.ts";
import { post, put, rawConnection, rawExchange, serve } from "./fixtures/serving.ts";

describe("live readers", () => {
  test("beyond the limit are told to come again, and may when there is room", async () => {
    const { queue, handler } = await serve({ limits: { readers: 2 } });
    await put(queue("a"));
    const first = await readEvents(`${queue("a")}?live=sse&offset=-1`);
    const second = fetch(`${queue("a")}?live=long-poll&offset=now`);
    await expect.poll(() => handler.stats.readers).toBe(2);

    const refused = await fetch(`${queue("a")}?live=sse&offset=-1`);
    const refusedPoll = await fetch(`${queue("a")}?live=long-poll&offset=now`);

    expect([refused.status, refusedPoll.status]).toEqual([503, 503]);
    expect(refused.headers.get("retry-after")).toBe("5");
    await put(queue("ended"), "text/plain", "", { "stream-closed": "true" });
    // It waits for nothing, so it takes no place.
    expect((await fetch(`${queue("ended")}?live=long-poll&offset=-1`)).status).toBe(204);
    await post(queue("a"), "x");
    expect((await second).status).toBe(200);
    first.socket.destroy();
    await expect.poll(() => handler.stats.readers).toBe(0);
    const admitted = await readEvents(`${queue("a")}?live=sse&offset=-1`);
    await expect.poll(() => admitted.text()).toContain("HTTP/1.1 200");
  });

  test("of one queue do not take the places of another's", async () => {
    const { queue, handler } = await serve({ limits: { readersPerQueue: 1 } });
    await put(queue("a"));
    await put(queue("b"));
    await readEvents(`${queue("a")}?live=sse&offset=-1`);
    await expect.poll(() => handler.stats.readers).toBe(1);

    expect((await fetch(`${queue("a")}?live=sse&offset=-1`)).status).toBe(503);
    const other = await readEvents(`${queue("b")}?live=sse&offset=-1`);
    await expect.poll(() => other.text()).toContain("HTTP/1.1 200");
  });

  test("that vanish at once, 200 of them, leave nothing within a second", async () => {
    const { queue, handler } = await serve();
    await put(queue("a"));
    const before = openDescriptors();
    const readers = await Promise.all(
      Array.from({ length: 200 }, (_, reader) =>
        readEvents(`${queue("a")}?live=${reader % 2 === 0 ? "sse" : "long-poll"}&offset=now`),
      ),
    );
    await expect.poll(() => handler.stats.readers, { timeout: 5_000 }).toBe(200);

    for (const reader of readers) reader.socket.destroy();

    await expect
      .poll(() => handler.stats, { timeout: 1_000 })
      .toMatchObject({ active: 0, readers: 0 });
    await expect.poll(openDescriptors, { timeout: 1_000 }).toBeLessThanOrEqual(before);
    await post(queue("a"), "to nobody");
  });

  test("get each message once, a hundred of them on one queue", async () => {
    const { queue } = await serve();
    await put(queue("a"), "application/json");
    const readers = await Promise.all(
      Array.from({ length: 100 }, () => readEvents(`${queue("a")}?live=sse&offset=-1`)),
    );

    const expected = Array.from({ length: 50 }, (_, n) => n);
    for (const n of expected) await post(queue("a"), String(n), "application/json");

    for (const reader of readers) {
      await expect
        .poll(() =>
          reader
            .events()
            .filter((event) => event.type === "data")
            .flatMap((event) => JSON.parse(event.data) as number[]),
        )
        .toEqual(expected);
    }
  });
});

describe("other limits", () => {
  test("queues beyond the limit are refused, existing ones are found", async () => {
    const { queue } = await serve({ limits: { queues: 2 } });
    await put(queue("a"));
    await put(queue("b"));

    const refused = await put(queue("c"));

    expect(refused.status).toBe(429);
    expect(refused.headers.get("retry-after")).toBe("60");
    expect((await put(queue("a"))).status).toBe(200);
  });

  test("connections beyond the limit get a 503", async () => {
    const { queue, server } = await serve({}, { maxConnections: 1 });
    await put(queue("a"));
    server.server.closeIdleConnections();
    const held = await readEvents(`${queue("a")}?live=sse&offset=-1`);
    await expect.poll(() => held.text()).toContain("HTTP/1.1 200");

    const refused = await rawExchange(server, "");

    expect(refused).toMatch(/^HTTP\/1\.1 503 [\s\S]*Retry-After: 5\r\n/);
  });

  test("a client that does not finish its headers is cut off", async () => {
    const { server } = await serve({}, { headersTimeoutMs: 200 });

    const answer = await rawExchange(server, "GET /v1/stream/a HTTP/1.1\r\nHost: he");

    expect(answer).toMatch(/^HTTP\/1\.1 408 /);
  });

  test("a connection without a request is kept for longer than a proxy keeps it, or as long as asked", async () => {
    const { server } = await serve();
    const { server: impatient } = await serve({}, { keepAliveMs: 1000 });
    const head = "HEAD /v1/stream/a HTTP/1.1\r\nHost: here\r\n\r\n";

    const socket = await rawConnection(server);
    socket.write(head);
    const [answer] = (await once(socket, "data")) as [Buffer];

    expect(Number(/Keep-Alive: timeout=(\d+)/i.exec(answer.toString())?.[1])).toBeGreaterThan(60);
    // Resolves when the server has closed.
    expect(await rawExchange(impatient, head)).toMatch(/Keep-Alive: timeout=1\r\n/i);
  });

  test("a limit that is none is refused at once", async () => {
    await expect(serve({ limits: { readers: 0 } })).rejects.toThrow("limits.readers");
    await expect(serve({ live: { rotateMs: Number.NaN } })).rejects.toThrow("live.rotateMs");
    await expect(serve({ basePath: "queues" })).rejects.toThrow("basePath");
  });
});

function openDescriptors(): number {
  return platform() === "linux" ? readdirSync("/proc/self/fd").length : 0;
}
