import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { createHandler } from "@lazy/http";
import { createMemoryStore } from "@lazy/fsqueue";
import { describe, expect, onTestFinished, test } from "vitest";
import { parseEvents, readEvents } from "./fixtures/event-reader.ts";
import { emptyFolder } from "./fixtures/lazy-serve.ts";
import { startServerProcess } from "./fixtures/server-process.ts";
import { close, post, put, rawConnection, serve } from "./fixtures/serving.ts";

const mebibyte = 1024 * 1024;
const full = process.env.LAZY_FULL === "1";
const shapes = [
  { title: "tokens", contentType: "text/plain", messageBytes: 200, files: true },
  { title: "values", contentType: "application/json", messageBytes: 200, files: true },
  { title: "pages", contentType: "text/plain", messageBytes: 64 * 1024, files: true },
  { title: "binary", contentType: "application/octet-stream", messageBytes: 65_536, files: true },
  { title: "tokens in memory", contentType: "text/plain", messageBytes: 200, files: false },
];

describe("readers that do not read", () => {
  test.each(full ? shapes : shapes.slice(0, 1))(
    "100 of a 50 MB queue of $title cost no more than 30 MB, and are dropped",
    async ({ contentType, messageBytes, files }) => {
      const messages = Math.floor((50 * mebibyte) / messageBytes);
      const server = await startServerProcess({
        limits: { slowReaderMs: 2_000 },
        queue: { name: "a", contentType, messageBytes, messages },
        ...(files ? { dir: await emptyFolder() } : {}),
      });
      // What a server needs to serve this queue at all is not the price of slow readers.
      for (let reader = 0; reader < 5; reader++) {
        await readAll(server.url);
        await followToEnd(server.url);
      }
      const before = (await server.stats()).memory;

      for (let reader = 0; reader < 100; reader++) {
        neverRead(server.url, reader % 2 === 0 ? "?live=sse&offset=-1" : "?offset=-1");
      }

      let most = 0;
      let seen = 0;
      await expect
        .poll(
          async () => {
            const { memory, active } = await server.stats();
            most = Math.max(most, memory);
            seen = Math.max(seen, active);
            return seen > 0 && active === 0;
          },
          { timeout: 20_000 },
        )
        .toBe(true);
      expect(seen).toBeGreaterThanOrEqual(50);
      expect((most - before) / mebibyte).toBeLessThan(30);
    },
  );

  test("are dropped after a while and resume exactly", async () => {
    const { queue, server, handler, store } = await serve({ limits: { slowReaderMs: 1 } });
    await put(queue("a"), "application/json");
    const page = "x".repeat(10_000);
    const batch = (first: number) =>
      JSON.stringify(Array.from({ length: 50 }, (_, n) => ({ n: first + n, page })));
    for (let n = 0; n < 1_000; n += 50) await post(queue("a"), batch(n), "application/json");
    await close(queue("a"));

    const slow = await rawConnection(server);
    slow.pause();
    slow.write("GET /v1/stream/a?live=sse&offset=-1 HTTP/1.1\r\nHost: here\r\n\r\n");
    await expect.poll(() => handler.stats.readers).toBe(1);
    await expect.poll(() => handler.stats.readers, { timeout: 5_000 }).toBe(0);

    let received = "";
    slow.setEncoding("latin1").on("data", (piece: string) => (received += piece));
    slow.resume();
    await expect.poll(() => slow.destroyed).toBe(true);
    const first = numbersOf(parseEvents(received.replaceAll(/\r\n[\da-f]+\r\n/g, "")));
    const resumed = await readEvents(`${queue("a")}?live=sse&offset=-1`, {
      "last-event-id": first.id,
    });
    await resumed.closed;

    expect(first.numbers.length).toBeLessThan(1_000);
    const second = numbersOf(resumed.events());
    expect([...first.numbers, ...second.numbers]).toEqual(
      Array.from({ length: 1_000 }, (_, n) => n),
    );
    expect((await store.info("a"))?.messages).toBe(1_000);
  });

  test("are dropped though each answer is small", async () => {
    const { queue, server } = await serve({ limits: { slowReaderMs: 1 } });
    await put(queue("a"), "text/plain", "x".repeat(60_000));
    const accepted = once(server.server, "connection");
    const slow = await rawConnection(server);
    const [theirs] = (await accepted) as [Socket];

    slow.pause();
    slow.write("GET /v1/stream/a HTTP/1.1\r\nHost: here\r\n\r\n".repeat(400));

    await expect.poll(() => theirs.destroyed, { timeout: 5_000 }).toBe(true);
  });

  test("of a Fetch body are dropped as well", async () => {
    const store = createMemoryStore();
    const handler = createHandler({ queues: store, limits: { slowReaderMs: 1 } });
    await store.open("a", { metadata: { "content-type": "text/plain" } });
    await store.append("a", [Buffer.from("x")]);

    const answer = await handler(new Request("http://here/v1/stream/a?live=sse&offset=-1"));
    const reader = answer.body?.getReader();
    await reader?.read();

    await expect.poll(() => handler.stats).toMatchObject({ active: 0, readers: 0 });
    await expect(reader?.read()).rejects.toThrow("Resume at the last offset");
  });
});

async function readAll(url: string): Promise<void> {
  for (let offset = "-1"; ;) {
    const response = await fetch(`${url}/v1/stream/a?offset=${offset}`);
    await response.arrayBuffer();
    if (response.headers.has("stream-up-to-date")) return;
    offset = response.headers.get("stream-next-offset")!;
  }
}

async function followToEnd(url: string): Promise<void> {
  const response = await fetch(`${url}/v1/stream/a?live=sse&offset=-1`);
  let last = "";
  for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
    last = last.slice(-100) + chunk;
    // Leaving the loop closes the connection.
    if (last.includes('"upToDate":true')) return;
  }
}

function neverRead(url: string, search: string): void {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  onTestFinished(() => void socket.destroy());
  socket.on("error", () => {});
  socket.pause();
  // Four requests, one after the other: catch-up answers alone fit into the buffers of the system.
  const request = `GET /v1/stream/a${search} HTTP/1.1\r\nHost: here\r\n\r\n`;
  socket.write(request.repeat(search.includes("sse") ? 1 : 12));
}

function numbersOf(events: ReturnType<typeof parseEvents>): { numbers: number[]; id: string } {
  const data = events.filter((event) => event.type === "data");
  const numbers = data.flatMap((event) =>
    (JSON.parse(event.data) as { n: number }[]).map(({ n }) => n),
  );
  return { numbers, id: data.at(-1)?.id ?? "" };
}
