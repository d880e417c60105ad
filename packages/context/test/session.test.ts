import { EventEmitter, once } from "node:events";
import { setImmediate } from "node:timers/promises";
import { inspect } from "node:util";
import { isSessionError, session, type SessionOutcome } from "@lazy/context";
import { describe, expect, test } from "vitest";

function createGate(): { promise: Promise<void>; resolve: () => void } {
  const events = new EventEmitter();
  return {
    promise: once(events, "open").then(() => undefined),
    resolve: () => void events.emit("open"),
  };
}

const code = (expected: string) => expect.objectContaining({ code: expected });

describe("the current session", () => {
  test("is the innermost, across awaits and timers", async () => {
    await session.run({ id: "outer" }, async () => {
      await setImmediate();
      expect(session.current().id).toBe("outer");
      await session.run({ id: "inner" }, async () => {
        await setImmediate();
        expect(session.current().id).toBe("inner");
      });
      expect(session.current().id).toBe("outer");
    });
  });

  test("throws outside one, and says what to do", () => {
    expect(() => session.current()).toThrow(code("SESSION_MISSING"));
    expect(() => session.current()).toThrow(/session\.run\(fn\)/);
    expect(session.tryCurrent()).toBeUndefined();
  });

  test("is hidden by exit, and a session run there does not stay", () => {
    session.run({ id: "a" }, () => {
      session.exit(() => {
        expect(session.tryCurrent()).toBeUndefined();
        session.run({ id: "b" }, () => expect(session.current().id).toBe("b"));
        expect(session.tryCurrent()).toBeUndefined();
      });
      expect(session.current().id).toBe("a");
    });
  });

  test("a snapshot takes it elsewhere", () => {
    const enter = session.run({ id: "a" }, () => session.snapshot());
    session.run({ id: "b" }, () => {
      // The session has ended, but it is the one that is seen.
      enter(() => expect(() => session.current()).toThrow(/"a" has ended/));
      expect(session.current().id).toBe("b");
    });
  });
});

describe("identity", () => {
  test("is random, kept, and may be given twice", () => {
    const open = [session.open(), session.open()];
    expect(open[0]!.id).toMatch(/^[\w-]{21}$/);
    expect(open[0]!.id).toBe(open[0]!.id);
    expect(open[0]!.id).not.toBe(open[1]!.id);
    const first = session.open({ id: "x" });
    const second = session.open({ id: "x" });
    expect(first).not.toBe(second);
    return Promise.all([...open, first, second].map((s) => s.close()));
  });

  test.each(["", 7, null, {}, "a\nb", "a\u0000", "\ud800", "x".repeat(257)])(
    "refuses %j at once",
    (id) => {
      expect(() => session.run({ id: id as string }, () => 1)).toThrow(code("ID_INVALID"));
      expect(() => session.open({ id: id as string })).toThrow(TypeError);
    },
  );

  test("reads well in a log", async () => {
    const s = session.open({ id: "seven" });
    expect(inspect(s)).toBe("Session { id: 'seven', state: 'open' }");
    await s.close();
    expect(inspect(s)).toBe("Session { id: 'seven', state: 'disposed' }");
  });
});

describe("the end of a session", () => {
  test("comes with the value, before run returns", () => {
    const seen: unknown[] = [];
    const result = session.run((s) => {
      s.onDispose((outcome) => void seen.push(outcome, session.current() === s));
      return 5;
    });
    expect([result, ...seen]).toEqual([5, { status: "ok" }, true]);
  });

  test("comes when the promise has settled, after its disposers, last registered first", async () => {
    const seen: string[] = [];
    const result = session.run(async (s) => {
      s.onDispose(() => void seen.push("first"));
      s.onDispose(async () => {
        await setImmediate();
        seen.push("second");
      });
      const takenBack = s.onDispose(() => void seen.push("taken back"));
      takenBack();
      await setImmediate();
      expect(s.disposed).toBe(false);
      return "value";
    });
    expect(await result).toBe("value");
    expect(seen).toEqual(["second", "first"]);
  });

  test("tells disposers and done of an error, which passes through", async () => {
    const boom = new Error("boom");
    const outcomes: SessionOutcome[] = [];
    let done: Promise<SessionOutcome> | undefined;
    expect(() =>
      session.run((s) => {
        s.onDispose((outcome) => void outcomes.push(outcome));
        done = s.done;
        throw boom;
      }),
    ).toThrow(boom);
    const rejected = session.run(async (s) => {
      s.onDispose((outcome) => void outcomes.push(outcome));
      throw boom;
    });
    await expect(rejected).rejects.toBe(boom);
    expect(outcomes).toEqual([
      { status: "error", error: boom },
      { status: "error", error: boom },
    ]);
    expect(await done).toEqual({ status: "error", error: boom });
  });

  test("reports a failing disposer, after the others have run", async () => {
    let ran = false;
    const failing = session.run(async (s) => {
      s.onDispose(() => void (ran = true));
      s.onDispose(() => {
        throw new Error("no");
      });
    });
    await expect(failing).rejects.toEqual(code("DISPOSER_FAILED"));
    expect(ran).toBe(true);
    const s = session.open();
    s.onDispose(() => Promise.reject(new Error("neither")));
    const error: unknown = await s.close().catch((e: unknown) => e);
    expect(isSessionError(error, "DISPOSER_FAILED")).toBe(true);
    expect(await s.done).toEqual({ status: "error", error });
  });

  test("waits for waitUntil without holding up the result", async () => {
    const gate = createGate();
    let s = session.open();
    const value = await session.run(async (running) => {
      s = running;
      running.waitUntil(gate.promise);
      return 1;
    });
    expect([value, s.disposed]).toEqual([1, false]);
    gate.resolve();
    expect(await s.done).toEqual({ status: "ok" });
    expect(s.disposed).toBe(true);
  });

  test("leaves a shell: everything on it throws, and its id and outcome stay", async () => {
    const s = session.open({ id: "gone" });
    const later = s.bind(() => session.current());
    await s.close();
    expect([s.id, s.disposed, s.parent]).toEqual(["gone", true, undefined]);
    expect(s.signal.aborted).toBe(true);
    for (const use of [
      () => s.run(() => 1),
      () => s.fork(() => 1),
      () => s.bind(() => 1),
      () => s.onDispose(() => undefined),
      () => s.waitUntil(Promise.resolve()),
      () => s.framework,
      () => session.run({ parent: s }, () => 1),
      later,
    ]) {
      expect(use).toThrow(code("SESSION_DISPOSED"));
    }
    expect(await s.close()).toEqual({ status: "ok" });
  });

  test("counts in stats", () => {
    const before = session.stats;
    const during = session.run(() => session.stats);
    const { live, opened, closed } = session.stats;
    expect(during.live).toBe(before.live + 1);
    expect([live, opened, closed]).toEqual([before.live, before.opened + 1, before.closed + 1]);
  });
});

describe("an open session", () => {
  test("is entered by run, any number of times, and ended by await using", async () => {
    const seen: string[] = [];
    {
      await using s = session.open({ id: "o" });
      s.onDispose(() => void seen.push("disposed"));
      seen.push(
        s.run(() => session.current().id),
        s.run(() => session.current().id),
      );
      expect(session.tryCurrent()).toBeUndefined();
      seen.push("end of block");
    }
    expect(seen).toEqual(["o", "o", "end of block", "disposed"]);
  });

  test("the first outcome counts", async () => {
    const s = session.open();
    const first = s.close({ status: "aborted", reason: "stop" });
    const second = s.close();
    expect(await first).toEqual({ status: "aborted", reason: "stop" });
    expect(await second).toEqual({ status: "aborted", reason: "stop" });
    await expect(session.open().close({ status: "odd" } as never)).rejects.toBeInstanceOf(
      TypeError,
    );
  });
});

describe("the signal", () => {
  test("aborts with the caller's, and the outcome is aborted if the body gave up", async () => {
    const controller = new AbortController();
    const outcomes: SessionOutcome[] = [];
    const running = session.run({ signal: controller.signal }, (s) => {
      s.onDispose((outcome) => void outcomes.push(outcome));
      return new Promise((_resolve, reject) => {
        s.signal.addEventListener("abort", () => {
          expect(session.current()).toBe(s);
          reject(s.signal.reason as Error);
        });
      });
    });
    controller.abort("enough");
    await expect(running).rejects.toBe("enough");
    expect(outcomes).toEqual([{ status: "aborted", reason: "enough" }]);
  });

  test("already aborted: nothing is opened", () => {
    const { opened } = session.stats;
    expect(() => session.run({ signal: AbortSignal.abort("no") }, () => 1)).toThrow("no");
    expect(session.stats.opened).toBe(opened);
  });

  test("of a fork aborts with its parent's", async () => {
    const s = session.open();
    const forked = s.fork(
      (child) =>
        new Promise((resolve) => {
          child.signal.addEventListener("abort", () => resolve(child.signal.reason));
        }),
    );
    await s.close({ status: "aborted", reason: "parent" });
    expect(await forked).toBe("parent");
  });
});

test("an abort by the caller's signal reaches forks, which end by themselves", async () => {
  const controller = new AbortController();
  const running = session.run({ signal: controller.signal }, (s) =>
    s.fork(
      (fork) =>
        new Promise((resolve) => {
          fork.signal.addEventListener("abort", () => resolve(fork.signal.reason));
        }),
    ),
  );
  controller.abort("enough");
  expect(await running).toBe("enough");
});

test("a session outlives its forks", async () => {
  const gate = createGate();
  const s = session.open({ id: "parent" });
  const forked = s.fork({ id: "child" }, async (child) => {
    expect(child.parent).toBe(s);
    await gate.promise;
    return session.current().id;
  });
  const closing = s.close();
  expect(s.disposed).toBe(false);
  gate.resolve();
  expect(await forked).toBe("child");
  expect(await closing).toEqual({ status: "ok" });
});

test.each([
  () => session.run(7 as never),
  () => session.run({}, undefined as never),
  () => session.run({ parent: {} as never }, () => 1),
  () => session.run({ signal: {} as never }, () => 1),
  () => session.open(null as never),
])("an argument of the wrong kind is a TypeError at once: %s", (use) => {
  expect(use).toThrow(TypeError);
  expect(use).toThrow(code("OPTIONS_INVALID"));
});
