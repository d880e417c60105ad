import { existsSync } from "node:fs";
import { type Browser, type BrowserContextOptions, type Page, chromium } from "playwright-core";
import { afterAll, beforeAll, expect, onTestFinished } from "vitest";

export const patiently = { timeout: 20_000 };

const executablePath = process.env["CHROMIUM"] ?? "/usr/bin/chromium";

/** A browser for the tests of a file, if there is one here or must be (`CI`). */
export function browserFor(): {
  /** True when the tests are to be skipped. */
  readonly missing: boolean;
  /** A page of its own; the test fails if an error is thrown in it, or told on its console. */
  readonly openPage: (url: string, options?: BrowserContextOptions) => Promise<Page>;
} {
  const missing = !existsSync(executablePath) && !process.env["CI"];
  if (missing) console.warn(`the page's tests are skipped: there is no ${executablePath}`);
  let browser: Browser | undefined;
  beforeAll(async () => {
    if (missing) return;
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
  return {
    missing,
    async openPage(url, options = {}) {
      const context = await browser!.newContext(options);
      const page = await context.newPage();
      const errors: unknown[] = [];
      page.on("pageerror", (error) => errors.push(error));
      onTestFinished(async () => {
        await context.close();
        expect(errors).toEqual([]);
      });
      await page.goto(url);
      return page;
    },
  };
}
