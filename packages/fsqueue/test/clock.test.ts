import { systemClock } from "@lazy/fsqueue/implementing";
import { describe, expect, test } from "vitest";

describe("the machine's clock", () => {
  test("keeps no process alive", () => {
    const timers = (): number =>
      process.getActiveResourcesInfo().filter((kind) => kind === "Timeout").length;
    const before = timers();
    const cancel = systemClock.schedule(Date.now() + 60_000, () => {});
    expect(timers()).toBe(before);
    cancel();
  });

  test("calls nobody at once for a time that no timer reaches", async () => {
    let calls = 0;
    const cancel = systemClock.schedule(Date.now() + 2 ** 40, () => (calls += 1));
    await new Promise<void>((resolve) => systemClock.schedule(Date.now() + 5, resolve));
    cancel();
    expect(calls).toBe(0);
  });
});
