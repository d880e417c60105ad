import { EventSource } from "eventsource";
import { describe, expect, onTestFinished, test } from "vitest";
import { openFlakyProxy } from "./fixtures/flaky-proxy.ts";
import { close, post, put, serve } from "./fixtures/serving.ts";

describe("npm eventsource", () => {
  test("gets every message exactly once over a connection that breaks again and again", async () => {
    const { queue, server, handler } = await serve({ live: { retryMs: 5 } });
    const proxy = await openFlakyProxy(server.port, 20);
    await put(queue("a"), "application/json");
    const received: number[] = [];
    const source = new EventSource(queue("a").replace(server.url, proxy.url));
    onTestFinished(() => source.close());
    source.addEventListener("data", (event) =>
      received.push(...(JSON.parse(event.data) as number[])),
    );

    const expected = Array.from({ length: 400 }, (_, n) => n);
    for (const n of expected) await post(queue("a"), String(n), "application/json");
    await close(queue("a"));

    await expect.poll(() => source.readyState, { timeout: 10_000 }).toBe(EventSource.CLOSED);
    expect(received).toEqual(expected);
    expect(proxy.cuts()).toBeGreaterThan(5);
    await expect.poll(() => handler.stats.readers).toBe(0);
  });

  test("stops connecting once it has read all of a sealed queue", async () => {
    const requests: number[] = [];
    const { queue } = await serve({
      live: { retryMs: 5 },
      onRequest: (record) => requests.push(record.status),
    });
    await put(queue("a"), "text/plain", "all there is");
    await close(queue("a"));
    const received: string[] = [];

    const source = new EventSource(queue("a"));
    onTestFinished(() => source.close());
    source.addEventListener("data", (event) => received.push(event.data));

    await expect.poll(() => source.readyState).toBe(EventSource.CLOSED);
    expect(received).toEqual(["all there is"]);
    expect(requests).toEqual([201, 204, 200, 204]);
  });
});
