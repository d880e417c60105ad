import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { chromium, type Browser, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openFlakyProxy } from "./fixtures/flaky-proxy.ts";
import { close, post, put, serve } from "./fixtures/serving.ts";

const executablePath = "/usr/bin/chromium";
const quiet =
  "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync";

function hasChromium(): boolean {
  if (existsSync(executablePath)) return true;
  const why = `Chromium is not at ${executablePath} (apt-get install chromium).`;
  if (process.env.CI === "true") throw new Error(`${why} CI must test with it.`);
  console.warn(`Skipped: ${why}`);
  return false;
}

describe.skipIf(!hasChromium())("a browser's EventSource", () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await chromium.launch({ executablePath, args: quiet.split(" ") });
  });
  afterAll(() => browser.close());

  test("gets every message exactly once over a connection that breaks, and stops at the end", async () => {
    const { queue, server } = await serve({ live: { retryMs: 5 } });
    const proxy = await openFlakyProxy(server.port, 10);
    await put(queue("a"), "application/json");
    const page = await openPage(browser, proxy.url);
    await page.evaluate(listen, "/v1/stream/a");

    const expected = Array.from({ length: 200 }, (_, n) => n);
    for (const n of expected) await post(queue("a"), String(n), "application/json");
    await close(queue("a"));

    await expect.poll(() => page.evaluate("source.readyState"), { timeout: 15_000 }).toBe(2);
    expect(await page.evaluate("received.flatMap((data) => JSON.parse(data))")).toEqual(expected);
    expect(proxy.cuts()).toBeGreaterThan(2);
  });

  test("does what the README shows", async () => {
    const { queue, server } = await serve();
    const readme = await readFile(new URL("../README.md", import.meta.url), "utf8");
    const [, example = ""] = /```js\n(.*?)```/s.exec(readme) ?? [];
    await put(queue("42/reply"), "application/json", '[{"delta":"Hi"}]');
    const page = await openPage(browser, server.url);

    await page.evaluate(
      `globalThis.shown = []; { const show = (value) => shown.push(value); ${example} globalThis.ended = () => source.readyState; }`,
    );
    await expect.poll(() => page.evaluate("shown")).toEqual([[{ delta: "Hi" }]]);
    await close(queue("42/reply"));

    await expect.poll(() => page.evaluate("ended()")).toBe(2);
  });

  test("of a page of another origin gets nothing unless that origin is allowed", async () => {
    const { queue, server } = await serve();
    const other = await serve({ cors: { origins: [server.url] } });
    await put(queue("a"), "text/plain", "for our own pages");
    await put(other.queue("a"), "text/plain", "for theirs as well");
    const page = await openPage(browser, server.url);
    const foreign = await openPage(browser, other.server.url);

    await page.evaluate(listen, other.queue("a"));
    await foreign.evaluate(listen, queue("a"));

    await expect.poll(() => page.evaluate("received")).toEqual(["for theirs as well"]);
    await expect.poll(() => foreign.evaluate("source.readyState")).toBe(2);
    expect(await foreign.evaluate("received")).toEqual([]);
  });
});

/** Any page of the origin will do; the answer to a path without a queue is one. */
async function openPage(browser: Browser, origin: string): Promise<Page> {
  const page = await browser.newPage();
  await page.goto(`${origin}/`);
  return page;
}

/** Runs in the page. */
function listen(address: string): void {
  const scope = globalThis as unknown as { received: string[]; source: EventTarget };
  const { EventSource } = globalThis as unknown as {
    EventSource: new (address: string) => EventTarget;
  };
  scope.received = [];
  scope.source = new EventSource(address);
  scope.source.addEventListener("data", (event) => {
    scope.received.push((event as unknown as { data: string }).data);
  });
}
