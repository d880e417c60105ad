import { existsSync } from "node:fs";
import { type Browser, type Page, chromium } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { freshFolder, serve } from "./server-on-files.ts";

const executablePath = process.env["CHROMIUM"] ?? "/usr/bin/chromium";
const missing = existsSync(executablePath) ? "" : `there is no ${executablePath}`;
if (missing && !process.env["CI"]) console.warn(`the page's tests are skipped: ${missing}`);

const patiently = { timeout: 20_000 };

describe.skipIf(missing !== "" && !process.env["CI"])("the page in a browser", () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await chromium.launch({
      executablePath,
      args: [
        "--no-sandbox",
        "--disable-quic",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
      ],
    });
  }, 30_000);
  afterAll(() => browser?.close());

  it("streams several conversations side by side, with nothing mixed up", async () => {
    const server = await serve(await freshFolder(), "--tokens-per-second", "100");
    const page = await browser.newPage();
    await page.goto(server.url);
    await page.getByRole("button", { name: "Ask all" }).click();
    await expect.poll(() => page.locator(".badge.ok").count(), patiently).toBe(6);
    expect(await faults(page)).toEqual({ foreign: 0, missing: 0, duplicated: 0 });
    await page.close();
  }, 30_000);

  it("shows foreign and missing tokens when all share one session", async () => {
    const server = await serve(await freshFolder(), "--tokens-per-second", "100");
    const page = await browser.newPage();
    await page.goto(server.url);
    await page.getByRole("radio", { name: /shared/ }).check();
    await page.getByRole("button", { name: "Ask all" }).click();
    await expect
      .poll(() => page.locator(".badge:is(.mixed, .failed)").count(), patiently)
      .toBeGreaterThan(0);
    expect((await faults(page)).foreign).toBeGreaterThan(0);
    await page.close();
  }, 30_000);

  it("goes on where it was after the server was killed, and after a reload", async () => {
    const dir = await freshFolder();
    const first = await serve(dir, "--tokens-per-second", "40");
    const page = await browser.newPage();
    await page.goto(first.url);
    await page.getByRole("button", { name: "Ask all" }).click();
    await expect
      .poll(async () => Number(await page.locator("#tokens").textContent()), patiently)
      .toBeGreaterThan(30);
    await first.end("SIGKILL");
    const port = new URL(first.url).port;
    await serve(dir, "--tokens-per-second", "40", "--port", port);
    await expect.poll(() => page.locator(".badge.ok").count(), patiently).toBe(6);
    expect(await page.locator(".badge").first().textContent()).toContain("resumed at");
    expect(await faults(page)).toEqual({ foreign: 0, missing: 0, duplicated: 0 });

    const texts = await page.locator(".text").allTextContents();
    await page.reload();
    await expect.poll(() => page.locator(".badge.ok").count(), patiently).toBe(6);
    expect(await page.locator(".text").allTextContents()).toEqual(texts);
    await page.close();
  }, 60_000);
});

async function faults(page: Page): Promise<Record<"foreign" | "missing" | "duplicated", number>> {
  const count = async (id: string): Promise<number> =>
    Number(await page.locator(`#${id}`).textContent());
  return {
    foreign: await count("foreign"),
    missing: await count("missing"),
    duplicated: await count("duplicated"),
  };
}
