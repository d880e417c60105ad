import { DurableStream, IdempotentProducer, stream } from "@durable-streams/client";
import { describe, expect, test } from "vitest";
import { openFlakyProxy } from "./fixtures/flaky-proxy.ts";
import { serve } from "./fixtures/serving.ts";

const numbers = Array.from({ length: 500 }, (_, n) => n);

describe("@durable-streams/client", () => {
  test("creates, appends, closes and reads", async () => {
    const { queue } = await serve();
    const url = queue("a");
    const written = await DurableStream.create({
      url,
      contentType: "application/json",
      ttlSeconds: 60,
    });
    for (const n of numbers.slice(0, 20)) await written.append(JSON.stringify(n));
    await written.close();

    const read = await stream<number>({ url, live: false });

    expect(await read.json()).toEqual(numbers.slice(0, 20));
    expect(await written.head()).toMatchObject({
      contentType: "application/json",
      streamClosed: true,
    });
    await DurableStream.delete({ url });
    await expect(stream({ url, live: false })).rejects.toThrow("404");
  });

  test.each(["sse", "long-poll"] as const)("reads live over %s until the end", async (live) => {
    const { queue, handler } = await serve({ live: { longPollMs: 200 } });
    const url = queue("a");
    const written = await DurableStream.create({ url, contentType: "application/json" });
    const read = await stream<number>({ url, live, offset: "-1" });
    const received: number[] = [];
    read.subscribeJson((batch) => void received.push(...batch.items));

    for (const n of numbers.slice(0, 50)) await written.append(JSON.stringify(n));
    await written.close();

    await read.closed;
    expect(received).toEqual(numbers.slice(0, 50));
    await expect.poll(() => handler.stats.readers).toBe(0);
  });

  test("goes on where another reader stopped", async () => {
    const { queue } = await serve();
    const url = queue("a");
    const written = await DurableStream.create({ url, contentType: "application/json" });
    for (const n of [1, 2, 3]) await written.append(JSON.stringify(n));
    const first = await stream<number>({ url, live: false });
    expect(await first.json()).toEqual([1, 2, 3]);
    for (const n of [4, 5]) await written.append(JSON.stringify(n));

    const second = await stream<number>({ url, live: false, offset: first.offset });

    expect(await second.json()).toEqual([4, 5]);
  });

  test("an idempotent producer writes each message once over a connection that breaks", async () => {
    const { queue, server } = await serve();
    const proxy = await openFlakyProxy(server.port, 15);
    const url = queue("a");
    await DurableStream.create({ url, contentType: "application/json" });
    const handle = new DurableStream({
      url: url.replace(server.url, proxy.url),
      contentType: "application/json",
    });
    const errors: Error[] = [];
    const producer = new IdempotentProducer(handle, "writer", {
      maxBatchBytes: 64,
      fetch: retryingFetch,
      onError: (error) => errors.push(error),
    });

    for (const n of numbers) producer.append(JSON.stringify(n));
    await producer.flush();
    await producer.close();

    expect(errors).toEqual([]);
    const read = await stream<number>({ url, live: false });
    expect(await read.json()).toEqual(numbers);
    expect(proxy.cuts()).toBeGreaterThan(2);
  });
});

/** The producer leaves it to its `fetch` to send again what got no answer. */
async function retryingFetch(...request: Parameters<typeof fetch>): Promise<Response> {
  for (;;) {
    const response = await fetch(...request).catch(() => undefined);
    if (response !== undefined) return response;
  }
}
