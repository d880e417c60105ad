import type { Page } from "playwright-core";
import { describe, expect, it } from "vitest";
import { browserFor, patiently } from "./browser.ts";
import { freshFolder, serve } from "./server-on-files.ts";

const { missing, openPage } = browserFor();

describe.skipIf(missing)("the storm on the page", () => {
  it("finds nothing wrong with 500 isolated answers, also across a cut, and measures them", async () => {
    const server = await serve(await freshFolder(), "--tokens-per-second", "30");
    const page = await openPage(`${server.url}/#storm`);
    await page.getByRole("button", { name: "Start the storm" }).click();
    await expect.poll(() => figure(page, "storm-tokens"), patiently).toBeGreaterThan(1000);
    await page.getByRole("button", { name: "Cut the connection" }).click();
    await expect.poll(() => page.locator("#verdict.ok").count(), { timeout: 40_000 }).toBe(1);
    expect(await page.locator("#verdict").textContent()).toMatch(
      /^500 answers in [\d.]+ s, [\d,]+ tokens a second: 0 foreign, 0 lost, 0 duplicated, 0 wiped; 500 of 500 hashes match\.$/,
    );
    expect(await figure(page, "storm-resumed")).toBeGreaterThan(0);
    for (const fault of ["foreign", "missing", "duplicated", "wiped"])
      expect(await figure(page, `storm-${fault}`)).toBe(0);
    for (const id of ["rate", "first-p50", "first-p99", "latency-p99", "memory", "open-files"])
      expect(await figure(page, id)).toBeGreaterThan(0);
    expect(await figure(page, "latency-p50")).toBeLessThanOrEqual(
      await figure(page, "latency-p99"),
    );
    expect(await page.getByRole("img").getAttribute("aria-label")).toBe(
      "500 of 500 answers have ended",
    );
  });

  it("finds the fault when all share one session", async () => {
    const server = await serve(await freshFolder(), "--tokens-per-second", "100");
    const page = await openPage(`${server.url}/#storm`);
    await page.getByRole("radio", { name: /shared/ }).check();
    await page.getByRole("spinbutton").fill("20");
    await page.getByRole("button", { name: "Start the storm" }).click();
    await expect.poll(() => page.locator("#verdict.mixed").count(), patiently).toBe(1);
    expect(await figure(page, "storm-foreign")).toBeGreaterThan(0);
    expect(await figure(page, "storm-missing")).toBeGreaterThan(0);
  });
});

/** The number in a figure, without its unit. */
async function figure(page: Page, id: string): Promise<number> {
  const text = await page.locator(`#${id}`).textContent();
  return Number.parseFloat(text?.replaceAll(",", "") ?? "");
}
