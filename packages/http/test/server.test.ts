import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { createMemoryStore } from "@lazy/fsqueue";
import { createHandler, openServer, toNodeListener } from "@lazy/http";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { readEvents } from "./fixtures/event-reader.ts";
import { put, rawConnection, rawExchange, serve } from "./fixtures/serving.ts";

const half = "POST /v1/stream/a HTTP/1.1\r\nHost: here\r\nContent-Length: 10\r\n\r\nhalf";
/** Longer than any test may take. */
const never = 600_000;

describe("a server that closes", () => {
  test("ends event streams after their frame, and connections that have nothing to do", async () => {
    const { queue, server, handler } = await serve({}, { drainMs: never });
    await put(queue("a"), "text/plain", "one");
    const stream = await readEvents(`${queue("a")}?live=sse&offset=-1`);
    const poll = await rawConnection(server);
    let received = "";
    poll.setEncoding("latin1").on("data", (piece: string) => (received += piece));
    poll.write("GET /v1/stream/a?live=long-poll&offset=now HTTP/1.1\r\nHost: here\r\n\r\n");
    await expect.poll(() => handler.stats.readers).toBe(2);
    await expect.poll(() => stream.events().length).toBe(2);

    await server.close();

    expect(stream.text().endsWith("\n\n")).toBe(true);
    await stream.closed;
    await expect.poll(() => received).toMatch(/^HTTP\/1\.1 204 /);
  });

  test("cuts what does not end in time", async () => {
    const { server, handler } = await serve({}, { drainMs: 1 });
    const socket = await rawConnection(server);
    socket.write(half);
    await expect.poll(() => handler.stats.active).toBe(1);

    await server.close();

    expect(handler.stats.active).toBe(0);
  });

  test("does so once, however often it is asked to, and leaves no timer", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    onTestFinished(() => void vi.useRealTimers());
    const { server } = await serve();
    let closed = 0;
    server.server.on("close", () => (closed += 1));

    await Promise.all([server.close(), server.close()]);
    await server.close();

    expect(closed).toBe(1);
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe("a server of openServer", () => {
  test("says which port is taken", async () => {
    const { server, handler } = await serve();

    const second = openServer(handler, { port: server.port });

    await expect(second).rejects.toMatchObject({ name: "ServeError", code: "PORT_IN_USE" });
  });

  test("cuts a client off that does not finish its request", async () => {
    const { server } = await serve({}, { headersTimeoutMs: 100, requestTimeoutMs: 200 });

    const answer = await rawExchange(server, half);

    expect(answer).toMatch(/^HTTP\/1\.1 408 /);
  });

  test("has room for another connection when one has ended", async () => {
    const { server } = await serve({}, { maxConnections: 1 });
    const ask = () =>
      rawExchange(server, "HEAD / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");

    const answers = [await ask(), await ask()];

    for (const answer of answers) expect(answer).toMatch(/^HTTP\/1\.1 404 /);
  });
});

describe("a handler on a server of one's own", () => {
  async function listening(server: Server): Promise<string> {
    onTestFinished(() => void server.close());
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/stream`;
  }

  test("gives the answer to HEAD no body, though it is strict about it", async () => {
    const listener = toNodeListener(createHandler({ queues: createMemoryStore() }));
    const url = await listening(createServer({ rejectNonStandardBodyWrites: true }, listener));

    const answer = await fetch(`${url}/none`, { method: "HEAD" });

    expect(answer.status).toBe(404);
  });

  test("leaves no listener on a response once it has waited", async () => {
    const store = createMemoryStore();
    const { tail } = (await store.open("a", { messages: [Buffer.from("one")] })).info;
    const handler = createHandler({ queues: store });
    const listener = toNodeListener(handler);
    const listeners: number[] = [];
    const server = createServer((request, response) => {
      response.once("finish", () => listeners.push(response.listenerCount("close")));
      listener(request, response);
    });
    const url = await listening(server);
    await (await fetch(`${url}/a?live=long-poll&offset=-1`)).text();

    const waiting = fetch(`${url}/a?live=long-poll&offset=${tail}`);
    await expect.poll(() => handler.stats.readers).toBe(1);
    await store.append("a", [Buffer.from("two")]);
    await (await waiting).text();

    expect(listeners.length).toBe(2);
    expect(listeners[1]).toBe(listeners[0]);
  });
});
