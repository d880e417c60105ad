import { setImmediate } from "node:timers/promises";
import { session, type SessionOutcome } from "@lazy/context";
import { describe, expect, test } from "vitest";

const here = () => session.tryCurrent()?.id;

function* inner(): Generator<string | undefined, string | undefined> {
  yield here();
  return here();
}

function* sync(log: (string | undefined)[]): Generator<string | undefined> {
  try {
    yield here();
    log.push(yield* inner());
    yield here();
  } finally {
    log.push(here());
  }
}

async function* async(log: (string | undefined)[]): AsyncGenerator<string | undefined> {
  try {
    yield here();
    await setImmediate();
    yield* inner();
    yield here();
  } catch {
    log.push(here());
    yield here();
  } finally {
    await setImmediate();
    log.push(here());
  }
}

describe("a bound generator", () => {
  test("steps in its creator's session, whoever drives it", async () => {
    const s = session.open({ id: "creator" });
    const log: (string | undefined)[] = [];
    const bound = [s.bind(sync)(log), s.bind(sync(log)), s.run(() => sync(log))];
    const asyncBound = [s.bind(async)(log), s.bind(async(log)), s.run(() => async(log))];
    await session.run({ id: "driver" }, async () => {
      for (const generator of bound) {
        for (const seen of generator) {
          expect(seen).toBe("creator");
          expect(here()).toBe("driver");
        }
      }
      for (const generator of asyncBound) {
        for await (const seen of generator) {
          expect(seen).toBe("creator");
          expect(here()).toBe("driver");
        }
      }
    });
    expect(log).toEqual(Array.from({ length: 9 }, () => "creator"));
    await s.close();
  });

  test("return and throw run finally and catch in its session", async () => {
    const s = session.open({ id: "creator" });
    const log: (string | undefined)[] = [];
    const broken = s.bind(async)(log);
    await broken.next();
    expect(await broken.return("end")).toEqual({ done: true, value: "end" });
    const thrown = s.bind(async)(log);
    await thrown.next();
    expect(await thrown.throw(new Error("x"))).toEqual({ done: false, value: "creator" });
    await thrown.return(undefined);
    const once = s.bind(sync)(log);
    once.next();
    expect(() => once.throw(new Error("y"))).toThrow("y");
    expect(log).toEqual(["creator", "creator", "creator", "creator"]);
    await s.close();
  });

  test("next() queued by several sessions is answered in order, in its session", async () => {
    const s = session.open({ id: "creator" });
    const bound = s.bind(async function* () {
      for (let i = 0; i < 6; i++) {
        await setImmediate();
        yield `${i} ${here()}`;
      }
    })();
    const results = await Promise.all(
      [0, 1, 2, 3, 4, 5].map((i) =>
        session.run({ id: `driver ${i}` }, async () => {
          const { value } = await bound.next();
          expect(here()).toBe(`driver ${i}`);
          return value;
        }),
      ),
    );
    expect(results).toEqual([0, 1, 2, 3, 4, 5].map((i) => `${i} creator`));
    await s.close();
  });
});

describe("a generator that session.run returns", () => {
  test("keeps the session open until it is drained; the disposers come before the end", async () => {
    const events: string[] = [];
    const drained = session.run({ id: "s" }, (s) => {
      s.onDispose(async (outcome) => {
        await setImmediate();
        events.push(`disposed ${outcome.status} in ${here()}`);
      });
      return async([]);
    });
    const seen: (string | undefined)[] = [];
    for await (const value of drained) seen.push(value);
    events.push("end");
    expect(new Set(seen)).toEqual(new Set(["s"]));
    expect(events).toEqual(["disposed ok in s", "end"]);
  });

  test("also out of a promise, and synchronous", async () => {
    let s = session.open();
    const drained = await session.run(async (running) => {
      s = running;
      return sync([]);
    });
    expect(s.disposed).toBe(false);
    expect([...drained]).toHaveLength(3);
    expect(s.disposed).toBe(true);
  });

  test("broken off, it aborts its session: signal first, then finally, then disposers", async () => {
    const events: string[] = [];
    let outcome: SessionOutcome | undefined;
    const broken = session.run({ id: "s" }, (s) => {
      s.signal.addEventListener("abort", () => events.push("signal"));
      s.onDispose((ended) => {
        outcome = ended;
        events.push("disposed");
      });
      return (async function* () {
        try {
          yield 1;
          yield 2;
        } finally {
          events.push(`finally in ${here()}`);
        }
      })();
    });
    for await (const value of broken) if (value === 1) break;
    expect(events).toEqual(["signal", "finally in s", "disposed"]);
    expect(outcome).toMatchObject({ status: "aborted", reason: { code: "STREAM_BROKEN_OFF" } });
  });

  test("thrown, it ends its session with the error", async () => {
    const boom = new Error("boom");
    const outcomes: SessionOutcome[] = [];
    const failing = session.run((s) => {
      s.onDispose((outcome) => void outcomes.push(outcome));
      // oxlint-disable-next-line require-yield
      return (async function* () {
        throw boom;
      })();
    });
    await expect(failing.next()).rejects.toBe(boom);
    const failingSync = session.run((s) => {
      s.onDispose((outcome) => void outcomes.push(outcome));
      // oxlint-disable-next-line require-yield
      return (function* () {
        throw boom;
      })();
    });
    expect(() => failingSync.next()).toThrow(boom);
    expect(outcomes).toEqual([
      { status: "error", error: boom },
      { status: "error", error: boom },
    ]);
  });

  test("aborted from outside, its consumer is told so instead of an end", async () => {
    const controller = new AbortController();
    let s = session.open();
    const stream = session.run({ signal: controller.signal }, (running) => {
      s = running;
      return (async function* () {
        yield 1;
        yield 2;
      })();
    });
    await stream.next();
    controller.abort("enough");
    await expect(stream.next()).rejects.toBe("enough");
    expect(await s.done).toEqual({ status: "aborted", reason: "enough" });
  });
});
