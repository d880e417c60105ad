import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { session } from "@lazy/context";
import { describe, expect, test } from "vitest";

describe("diagnostics_channel", () => {
  test("tells of each opening and each end, with the outcome", async () => {
    const events: unknown[] = [];
    const opened = (message: unknown): void => {
      events.push(["opened", (message as { session: { id: string } }).session.id]);
    };
    const closed = (message: unknown): void => {
      const { session: s, outcome } = message as {
        session: { id: string; disposed: boolean };
        outcome: unknown;
      };
      events.push(["closed", s.id, s.disposed, outcome]);
    };
    subscribe("lazy:session:opened", opened);
    subscribe("lazy:session:closed", closed);
    session.run({ id: "a" }, () => 1);
    await session.run({ id: "b" }, async (s) => {
      await s.fork({ id: "c" }, async () => 1);
    });
    unsubscribe("lazy:session:opened", opened);
    unsubscribe("lazy:session:closed", closed);
    session.run({ id: "unseen" }, () => 1);
    const ok = { status: "ok" };
    expect(events).toEqual([
      ["opened", "a"],
      ["closed", "a", true, ok],
      ["opened", "b"],
      ["opened", "c"],
      ["closed", "c", true, ok],
      ["closed", "b", true, ok],
    ]);
  });
});

function openALeak() {
  return session.open({ id: "leak" });
}

describe("a watch", () => {
  test("reports sessions that are open, with the stack of their opening", async () => {
    using watch = session.watch();
    session.run(() => 1);
    const leak = openALeak();
    const [reported, ...others] = watch.report();
    expect(others).toEqual([]);
    expect(reported!.session).toBe(leak);
    expect(reported!.ageMs).toBeGreaterThanOrEqual(0);
    expect(reported!.stack.split("\n")[0]).toContain("openALeak");
    expect(watch.format()).toMatch(
      /^Session "leak" is open for \d+\.\d s, opened\n {4}at openALeak/,
    );
    expect(watch.report({ olderThanMs: 60_000 })).toEqual([]);
    expect(() => watch.report({ olderThanMs: -1 })).toThrow(TypeError);
    await leak.close();
    expect(watch.format()).toBe("");
  });

  test("that has stopped holds nothing", async () => {
    const watch = session.watch();
    watch.stop();
    const leak = openALeak();
    expect(watch.report()).toEqual([]);
    await leak.close();
  });
});
