import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { createMemoryStore } from "@lazy/fsqueue";
import { createHandler } from "@lazy/http";
import { put, rawConnection, rawExchange, serve } from "./fixtures/serving.ts";

const mebibyte = 1024 * 1024;

describe("the limit of bodies", () => {
  test("a body of exactly the limit is taken, one byte more is 413", async () => {
    const { queue, store } = await serve({ limits: { bodyBytes: 1000 } });
    await put(queue("a"));

    const fits = await fetch(queue("a"), {
      method: "POST",
      headers: { "content-type": "text/plain" },
      body: "x".repeat(1000),
    });
    const long = await fetch(queue("a"), {
      method: "POST",
      headers: { "content-type": "text/plain" },
      body: "x".repeat(1001),
    });

    expect(fits.status).toBe(204);
    expect(long.status).toBe(413);
    expect(await long.json()).toMatchObject({ error: { code: "BODY_TOO_LARGE" } });
    expect((await store.info("a"))?.bytes).toBe(1000);
  });

  test("a length of 200 MB is refused before a byte of it is sent", async () => {
    const { server, queue } = await serve();
    await put(queue("a"));
    const socket = await rawConnection(server);

    socket.write(
      `POST /v1/stream/a HTTP/1.1\r\nHost: here\r\nContent-Type: text/plain\r\nContent-Length: ${200 * mebibyte}\r\n\r\n`,
    );

    const [answer] = (await once(socket, "data")) as [Buffer];
    expect(answer.toString()).toMatch(/^HTTP\/1\.1 413 /);
  });

  test("a chunked body is refused as soon as it passes the limit", async () => {
    const { server, queue } = await serve();
    await put(queue("a"));
    const socket = await rawConnection(server);
    const chunk = `${(64 * 1024).toString(16)}\r\n${"x".repeat(64 * 1024)}\r\n`;

    socket.write(
      "POST /v1/stream/a HTTP/1.1\r\nHost: here\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n",
    );
    for (let sent = 0; sent < 17; sent++) socket.write(chunk);

    const [answer] = (await once(socket, "data")) as [Buffer];
    expect(answer.toString()).toMatch(/^HTTP\/1\.1 413 /);
  });

  test("a client that sends all the same reads the answer, and the connection serves on", async () => {
    const { server, queue } = await serve();
    await put(queue("a"));
    const body = "x".repeat(2 * mebibyte);

    const answer = await rawExchange(
      server,
      `POST /v1/stream/a HTTP/1.1\r\nHost: here\r\nContent-Type: text/plain\r\nContent-Length: ${body.length}\r\n\r\n${body}` +
        "HEAD /v1/stream/a HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n",
    );

    expect(answer).toMatch(/^HTTP\/1\.1 413 [\s\S]*HTTP\/1\.1 200 /);
  });

  test("a client that sends what was refused slowly, but goes on, keeps its connection", async () => {
    const { server, queue } = await serve({ limits: { bodyBytes: 1000 } });
    await put(queue("a"));
    const socket = await rawConnection(server);
    let received = "";
    socket.setEncoding("latin1").on("data", (piece: string) => (received += piece));
    const count = 7;

    socket.write(
      `POST /v1/stream/a HTTP/1.1\r\nHost: here\r\nContent-Type: text/plain\r\nContent-Length: ${count * 1000}\r\n\r\n`,
    );
    for (let sent = 0; sent < count; sent++) {
      await delay(1000);
      socket.write("x".repeat(1000));
    }
    socket.write("HEAD /v1/stream/a HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n");
    await once(socket, "close");

    expect(received).toMatch(/^HTTP\/1\.1 413 [\s\S]*HTTP\/1\.1 200 /);
  });

  test("a client that stops sending what was refused is let go of", async () => {
    const { server, queue } = await serve({ limits: { bodyBytes: 1000 } });
    await put(queue("a"));

    const began = performance.now();
    const answer = await rawExchange(
      server,
      "POST /v1/stream/a HTTP/1.1\r\nHost: here\r\nContent-Type: text/plain\r\nContent-Length: 5000\r\n\r\nhalf",
    );

    expect(answer).toMatch(/^HTTP\/1\.1 413 /);
    expect(performance.now() - began).toBeGreaterThan(4_000);
  });

  test("a client that sends on and on what was refused is let go of", async () => {
    const { server, queue } = await serve({ limits: { bodyBytes: 1000 } });
    await put(queue("a"));
    const socket = await rawConnection(server);
    const closed = new Promise((resolve) => socket.once("close", resolve));
    const mebibytes = Buffer.alloc(mebibyte);

    socket.write(
      `POST /v1/stream/a HTTP/1.1\r\nHost: here\r\nContent-Type: text/plain\r\nContent-Length: ${100 * mebibyte}\r\n\r\n`,
    );
    const sendOn = (): void => {
      while (!socket.destroyed && socket.bytesWritten < 99 * mebibyte && socket.write(mebibytes));
    };
    socket.on("drain", sendOn).resume();
    sendOn();

    await closed;
    expect(socket.bytesWritten).toBeLessThan(99 * mebibyte);
  });

  test("a client that breaks off in the middle leaves nothing behind", async () => {
    const { server, queue, store, handler } = await serve();
    await put(queue("a"));
    const socket = await rawConnection(server);

    socket.write(
      "POST /v1/stream/a HTTP/1.1\r\nHost: here\r\nContent-Type: text/plain\r\nContent-Length: 100\r\n\r\nhalf",
    );
    await expect.poll(() => handler.stats.active).toBe(1);
    socket.destroy();

    await expect.poll(() => handler.stats.active).toBe(0);
    expect((await store.info("a"))?.messages).toBe(0);
  });

  test("holds for a Fetch request without a length as well", async () => {
    const store = createMemoryStore();
    const handler = createHandler({ queues: store, limits: { bodyBytes: 1000 } });
    await store.open("a", { metadata: { "content-type": "text/plain" } });
    let cancelled = false;
    let pieces = 0;
    const long = new ReadableStream({
      pull: (controller) => {
        controller.enqueue(new Uint8Array(100));
        if ((pieces += 1) === 1_000) controller.close();
      },
      cancel: () => {
        cancelled = true;
      },
    });

    const answer = await handler(
      new Request("http://here/v1/stream/a", {
        method: "POST",
        headers: { "content-type": "text/plain" },
        body: long,
        duplex: "half",
      }),
    );

    expect(answer.status).toBe(413);
    expect(cancelled).toBe(true);
  });
});
