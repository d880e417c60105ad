import { connect } from "node:net";
import { once } from "node:events";
import { describe, expect, test } from "vitest";
import { emptyFolder, lazyServe } from "./fixtures/lazy-serve.ts";
import { follow, produce } from "./fixtures/load.ts";
import { close, put } from "./fixtures/serving.ts";

describe("lazy-serve", () => {
  test("serves a folder, with a line a request, and finds it again", async () => {
    const dir = await emptyFolder();
    const first = lazyServe(["--dir", dir, "--port", "0", "--durability", "synced", "--verbose"]);
    await put(`${await first.url}/v1/stream/a`, "text/plain", "kept");
    first.kill("SIGTERM");
    expect(await first.ended).toBe(0);
    expect(first.output()).toMatch(/ 201 PUT \/v1\/stream\/a \d+\.\d ms\n/);

    const second = lazyServe(["--dir", dir, "--port", "0"]);
    expect(await (await fetch(`${await second.url}/v1/stream/a`)).text()).toBe("kept");
  });

  test("says that the port is taken, and what to do", async () => {
    const first = lazyServe(["--dir", await emptyFolder(), "--port", "0"]);
    const { port } = new URL(await first.url);

    const second = lazyServe(["--dir", await emptyFolder(), "--port", port]);

    expect(await second.ended).toBe(1);
    expect(second.errors()).toMatch(
      /^lazy-serve: Port \d+ on 127\.0\.0\.1 is taken by another process\. Stop that one, or choose another/,
    );
  });

  test("says that the folder is in use", async () => {
    const dir = await emptyFolder();
    const first = lazyServe(["--dir", dir, "--port", "0"]);
    await first.url;

    const second = lazyServe(["--dir", dir, "--port", "0"]);

    expect(await second.ended).toBe(1);
    expect(second.errors()).toContain(dir);
    expect(second.errors()).not.toContain("    at ");
  });

  test("says nothing to the terminal that a client made up", async () => {
    const command = lazyServe(["--dir", await emptyFolder(), "--port", "0", "--verbose"]);
    const { hostname, port } = new URL(await command.url);
    for (const path of ["\u001b[2J", "\u009b2J", "\u00e9", "\b", "seen"]) {
      const client = connect(Number(port), hostname);
      client.write(`GET /v1/stream/${path} HTTP/1.1\r\nHost: here\r\n\r\n`, "latin1");
      const [answer] = (await once(client, "data")) as [Buffer];
      expect(String(answer)).toMatch(path === "seen" ? /^HTTP\/1\.1 404 / : /^HTTP\/1\.1 400 /);
      client.destroy();
    }

    await expect.poll(command.output).toContain(" 404 GET /v1/stream/seen ");
    expect(command.output()).toMatch(/^[\n -~]*$/);
  });

  test.each([
    ["no folder", [], "--dir"],
    ["an unknown option", ["--dir", "x", "--colour"], "--colour"],
    ["a port that is none", ["--dir", "x", "--port", "70000"], "70000"],
    ["a durability that is none", ["--dir", "x", "--durability", "maybe"], "maybe"],
    ["the open network and no token", ["--dir", "x", "--host", "0.0.0.0"], "LAZY_SERVE_TOKEN"],
    ["the open network and an empty token", ["--dir", "x", "--host", "::"], "LAZY_SERVE_TOKEN"],
  ])("with %s says so and ends with 2", async (title, args, named) => {
    const command = lazyServe(args, title.includes("empty") ? { LAZY_SERVE_TOKEN: "" } : {});
    expect(await command.ended).toBe(2);
    expect(command.errors()).toContain(named);
    expect(command.errors().trim().split("\n").length).toBe(1);
  });

  test("helps", async () => {
    const command = lazyServe(["--help"]);
    expect(await command.ended).toBe(0);
    expect(command.output()).toContain("lazy-serve --dir data --port 4437 --durability synced");
  });

  test("with a token lets in nobody without it", async () => {
    const command = lazyServe(["--dir", await emptyFolder(), "--port", "0"], {
      LAZY_SERVE_TOKEN: "secret",
    });
    const url = `${await command.url}/v1/stream/a`;

    expect((await put(url)).status).toBe(401);
    expect((await put(url, "text/plain", "", { authorization: "Bearer wrong" })).status).toBe(401);
    expect((await put(url, "text/plain", "", { authorization: "Bearer secret" })).status).toBe(201);
  });

  test("on SIGTERM under load finishes its frames, and everybody goes on where they were", async () => {
    const dir = await emptyFolder();
    const first = lazyServe(["--dir", dir, "--port", "0"]);
    const { port } = new URL(await first.url);
    const queues = Array.from({ length: 10 }, (_, n) => `http://127.0.0.1:${port}/v1/stream/q${n}`);
    for (const queue of queues) await put(queue, "application/json");
    const stop = new AbortController();
    const producers = queues.map((queue, n) => produce(queue, n, stop.signal));
    const readers = queues.map((queue) => follow(queue));
    await expect.poll(() => tailOf(queues[0] ?? "")).toBeGreaterThan(20);

    first.kill("SIGTERM");
    const stopped = performance.now();
    expect(await first.ended).toBe(0);
    expect(performance.now() - stopped).toBeLessThan(5_000);
    const second = lazyServe(["--dir", dir, "--port", port]);
    await second.url;
    const atRestart = await tailOf(queues[0] ?? "");
    await expect.poll(() => tailOf(queues[0] ?? "")).toBeGreaterThan(atRestart + 20);
    stop.abort();
    const acknowledged = await Promise.all(producers);
    for (const queue of queues) await close(queue);

    for (const [producer, { values, cut }] of (await Promise.all(readers)).entries()) {
      const count = acknowledged[producer] ?? 0;
      expect(values).toEqual(Array.from({ length: count }, (_, n) => ({ producer, n })));
      expect(cut).toBe(0);
    }
  });

  test("on SIGTERM cuts a connection that does not end, and a second SIGTERM ends it at once", async () => {
    const command = lazyServe(["--dir", await emptyFolder(), "--port", "0"]);
    const { hostname, port } = new URL(await command.url);
    const stuck = connect(Number(port), hostname).on("error", () => {});
    stuck.write(
      "HEAD /v1/stream/a HTTP/1.1\r\nHost: here\r\n\r\n" +
        "POST /v1/stream/a HTTP/1.1\r\nHost: here\r\nContent-Length: 10\r\n\r\nhalf",
    );
    await once(stuck, "data");

    command.kill("SIGTERM");
    await expect.poll(command.output).toContain("SIGTERM: finishing");
    command.kill("SIGTERM");

    expect(await command.ended).toBe("SIGTERM");
  });
});

async function tailOf(queue: string): Promise<number> {
  const values = (await (await fetch(queue)).json()) as unknown[];
  return values.length;
}
