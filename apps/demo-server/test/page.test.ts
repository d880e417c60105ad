import axe, { type AxeResults } from "axe-core";
import type { Page } from "playwright-core";
import { describe, expect, it } from "vitest";
import { browserFor, patiently } from "./browser.ts";
import { freshFolder, serve, serveAll, serveWith } from "./server-on-files.ts";

const { missing, openPage } = browserFor();
const fast = serveAll("--tokens-per-second", "100");

describe.skipIf(missing)("the page in a browser", () => {
  it("streams several conversations side by side, with nothing mixed up", async () => {
    const page = await openPage(fast.url);
    await page.getByRole("button", { name: "Ask all" }).click();
    await expect.poll(() => page.locator(".badge.ok").count(), patiently).toBe(6);
    expect(await faults(page)).toEqual({ foreign: 0, missing: 0, duplicated: 0, wiped: 0 });
    expect(await page.locator(".hash").allTextContents()).toEqual(
      Array.from({ length: 6 }, () => expect.stringMatching(/^SHA-256 [0-9a-f]{8}… matches$/)),
    );
    expect(await page.locator("#model").textContent()).toContain("seeded generator");
  });

  it("shows a hundred, each in its colour, over one connection", async () => {
    const page = await openPage(fast.url);
    let connections = 0;
    page.on("request", (request) => {
      if (request.url().endsWith("/watch")) connections += 1;
    });
    await page.getByRole("button", { name: "100" }).click();
    await page.getByRole("button", { name: "Ask all" }).click();
    await expect.poll(() => page.locator(".badge.ok").count(), patiently).toBe(100);
    expect(await faults(page)).toEqual({ foreign: 0, missing: 0, duplicated: 0, wiped: 0 });
    expect(connections).toBe(1);
    const colours = await page.evaluate<string[]>(
      "Array.from(document.querySelectorAll('article'), (card) => getComputedStyle(card).borderTopColor)",
    );
    expect(new Set(colours).size).toBeGreaterThan(90);

    await page.getByRole("button", { name: "Ask all" }).click();
    expect(await page.getByRole("alert").textContent()).toContain("room for 0 more");
  });

  it("shows foreign, missing and wiped tokens when all share one session", async () => {
    const page = await openPage(fast.url);
    await page.getByRole("radio", { name: /one shared/ }).check();
    const ask = page.getByRole("button", { name: "Ask all" });
    await ask.click();
    const bad = page.locator(".badge:is(.mixed, .failed)");
    await expect.poll(() => bad.count(), patiently).toBeGreaterThan(0);
    await ask.click();
    await expect.poll(async () => (await faults(page)).wiped, patiently).toBeGreaterThan(0);
    const { foreign, missing: lost } = await faults(page);
    expect(foreign).toBeGreaterThan(0);
    expect(lost).toBeGreaterThan(0);
  });

  it("goes on where it was after a cut, a kill -9 and a reload, and in a second tab", async () => {
    const dir = await freshFolder();
    const first = await serve(dir, "--tokens-per-second", "30");
    const page = await openPage(first.url);
    const tokens = async (): Promise<number> => Number(await page.locator("#tokens").textContent());
    await page.getByRole("button", { name: "Ask all" }).click();
    await expect.poll(tokens, patiently).toBeGreaterThan(30);
    await page.getByRole("button", { name: "Cut the connection" }).click();
    await expect.poll(() => page.getByText("resumed at offset").count(), patiently).toBe(6);
    await first.end("SIGKILL");
    const port = new URL(first.url).port;
    await serve(dir, "--tokens-per-second", "30", "--port", port);
    await expect.poll(() => page.locator(".badge.ok").count(), patiently).toBe(6);
    for (const badge of await page.locator(".badge").allTextContents())
      expect(badge).toMatch(/^resumed at offset \d+, 0 lost, 0 duplicated$/);
    expect(await page.getByText(/^SHA-256 .* matches$/).count()).toBe(6);
    expect(await faults(page)).toEqual({ foreign: 0, missing: 0, duplicated: 0, wiped: 0 });

    const texts = await page.locator(".text").allTextContents();
    const tab = await page.context().newPage();
    await tab.goto(first.url);
    await page.reload();
    for (const one of [page, tab]) {
      await expect.poll(() => one.locator(".badge.ok").count(), patiently).toBe(6);
      expect(await one.locator(".text").allTextContents()).toEqual(texts);
    }
  });

  it("finds by its hash an answer that was altered on the way", async () => {
    const page = await openPage(fast.url);
    await page.getByRole("textbox").fill("What if a word is another one?");
    await page.getByRole("button", { name: "Ask all" }).click();
    await expect.poll(() => page.locator(".badge.ok").count(), patiently).toBe(1);
    await page.route("**/watch", async (route) => {
      const response = await route.fetch();
      const body = (await response.text()).replace(/"text":" \w+/, '"text":" something');
      await route.fulfill({ response, body });
    });
    await page.reload();
    await expect.poll(() => page.locator(".badge.mixed").count(), patiently).toBe(1);
    expect(await page.locator(".hash").textContent()).toMatch(/^SHA-256 is not/);
  });

  it("stops an answer, which is not to disconnect, and asks it again", async () => {
    const server = await serve(await freshFolder(), "--tokens-per-second", "20");
    const page = await openPage(server.url);
    await page.getByRole("textbox").fill("Who stops it?");
    await page.getByRole("button", { name: "Ask all" }).click();
    await expect.poll(() => page.locator(".text").textContent(), patiently).not.toBe("");
    await page.getByRole("button", { name: "Stop" }).click();
    await expect
      .poll(() => page.locator(".badge").textContent(), patiently)
      .toContain("ANSWER_STOPPED");
    await page.getByRole("button", { name: "Ask again" }).click();
    await expect
      .poll(() => page.locator(".badge").textContent(), patiently)
      .toMatch(/^(streaming|complete)/);
    expect(await page.locator("article").count()).toBe(1);
  });

  it("names the model that answers in place of the generator, and why it failed", async () => {
    const env = { LLM_BASE_URL: "http://127.0.0.1:9/v1", LLM_MODEL: "some-model" };
    const server = await serveWith(env, await freshFolder());
    const page = await openPage(server.url);
    await expect
      .poll(() => page.locator("#model").textContent(), patiently)
      .toBe("The answers come from some-model.");
    expect(await page.getByRole("radio", { name: /one shared/ }).isDisabled()).toBe(true);
    await page.getByRole("textbox").fill("Is anybody there?");
    await page.getByRole("button", { name: "Ask all" }).click();
    await expect
      .poll(() => page.locator(".badge.failed").allTextContents(), patiently)
      .toEqual([expect.stringContaining("MODEL_UNREACHABLE")]);
    await page.getByRole("link", { name: "Storm" }).click();
    expect(await page.getByRole("button", { name: "Start the storm" }).isDisabled()).toBe(true);
  });

  it("can be used with the keyboard alone", async () => {
    const page = await openPage(fast.url);
    const focused = (): Promise<string> =>
      page.evaluate("document.activeElement?.textContent?.trim() ?? ''");
    for (let presses = 0; presses < 20 && (await focused()) !== "Ask all"; presses++)
      await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await expect.poll(() => page.locator("article").count(), patiently).toBe(6);
  });

  it("has no fault that axe knows, light and dark, and fits a narrow screen", async () => {
    const page = await openPage(fast.url, { viewport: { width: 320, height: 640 } });
    await page.getByRole("button", { name: "Ask all" }).click();
    await expect.poll(() => page.locator(".badge.ok").count(), patiently).toBe(6);
    await page.evaluate(axe.source);
    for (const colorScheme of ["light", "dark"] as const) {
      await page.emulateMedia({ colorScheme });
      for (const view of ["Conversations", "Storm"]) {
        await page.getByRole("link", { name: view }).click();
        const found = await page.evaluate<AxeResults>("axe.run()");
        expect(found.violations.map(({ id, nodes }) => [id, nodes[0]?.html])).toEqual([]);
        const width = await page.evaluate("document.documentElement.scrollWidth");
        expect(width).toBeLessThanOrEqual(320);
      }
    }
  });
});

type Fault = "foreign" | "missing" | "duplicated" | "wiped";

async function faults(page: Page): Promise<Record<Fault, number>> {
  const count = async (id: Fault): Promise<number> =>
    Number(await page.locator(`#${id}`).textContent());
  return {
    foreign: await count("foreign"),
    missing: await count("missing"),
    duplicated: await count("duplicated"),
    wiped: await count("wiped"),
  };
}
