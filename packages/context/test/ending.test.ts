import { on, once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import { setImmediate } from "node:timers/promises";
import { isSessionError, session, type Session, type SessionOutcome } from "@lazy/context";
import { describe, expect, test } from "vitest";

const code = (expected: string) => expect.objectContaining({ code: expected });

/** The next warning of the process about a session, which is where failures go that nobody awaits. */
async function warning(): Promise<unknown> {
  for await (const [warned] of on(process, "warning")) {
    if (isSessionError(warned)) return warned;
  }
  return undefined;
}

describe("failing disposers", () => {
  test("are reported together", async () => {
    const s = session.open({ id: "both" });
    s.onDispose(() => {
      throw new Error("first");
    });
    s.onDispose(async () => {
      throw new Error("second");
    });
    const error: unknown = await s.close().catch((e: unknown) => e);
    expect(error).toMatchObject({
      code: "DISPOSER_FAILED",
      message: expect.stringContaining("Error: second; Error: first") as string,
      cause: { errors: [{ message: "second" }, { message: "first" }] },
    });
  });

  test("of a synchronous body throw from run if they can, else warn", async () => {
    expect(() =>
      session.run((s) => {
        s.onDispose(() => {
          throw new Error("sync");
        });
        return 1;
      }),
    ).toThrow(code("DISPOSER_FAILED"));
    const warned = warning();
    const result = session.run((s) => {
      s.onDispose(() => Promise.reject(new Error("async")));
      return 1;
    });
    expect(result).toBe(1);
    expect(await warned).toMatchObject({ code: "DISPOSER_FAILED" });
  });

  test("do not hide the body's own error: they warn", async () => {
    const boom = new Error("boom");
    const warned = warning();
    const failed = session.run(async (s) => {
      s.onDispose(() => Promise.reject(new Error("too")));
      throw boom;
    });
    await expect(failed).rejects.toBe(boom);
    expect(await warned).toMatchObject({ code: "DISPOSER_FAILED" });
  });

  test("of a Node stream warn, since no listener could catch them", async () => {
    const warned = warning();
    const stream = session.run((s) => {
      s.onDispose(() => {
        throw new Error("late");
      });
      return Readable.from(["x"]);
    });
    await stream.toArray();
    expect(await warned).toMatchObject({ code: "DISPOSER_FAILED" });
  });

  test("include a join policy that throws or is asynchronous", async () => {
    const { defineGlobals } = await import("@lazy/context");
    const set = defineGlobals(
      { n: 0 },
      { policy: { n: { join: (async (a: number, b: number) => a + b) as never } } },
    );
    session.run((s) => {
      expect(() => s.fork(() => void (set.n = 1))).toThrow(code("DISPOSER_FAILED"));
    });
  });
});

describe("waitUntil", () => {
  test("a rejection makes the outcome an error, and warns", async () => {
    const boom = new Error("boom");
    const warned = warning();
    const s = session.open();
    s.waitUntil(Promise.reject(boom));
    expect(await s.close()).toEqual({ status: "error", error: boom });
    expect(await warned).toMatchObject({ code: "WAIT_UNTIL_FAILED", cause: boom });
  });

  test("may be called by a disposer, and is waited for", async () => {
    const events: string[] = [];
    let s: Session | undefined;
    session.run((running) => {
      s = running;
      running.onDispose(() => {
        running.waitUntil(setImmediate().then(() => events.push("waited")));
      });
    });
    expect(s!.disposed).toBe(false);
    expect(await s!.done).toEqual({ status: "ok" });
    expect(events).toEqual(["waited"]);
  });

  test("disposers still run when nobody waits any more, and their failure is a warning", async () => {
    const warned = warning();
    let s: Session | undefined;
    await session.run(async (running) => {
      s = running;
      running.onDispose(() => Promise.reject(new Error("late")));
      running.waitUntil(setImmediate());
    });
    expect(await warned).toMatchObject({ code: "DISPOSER_FAILED" });
    expect(await s!.done).toMatchObject({ status: "error" });
  });
});

describe("closing", () => {
  test("ends a session whose body still runs, and forks with it if it is aborted", async () => {
    const outcomes: [string, SessionOutcome][] = [];
    const s = session.open({ id: "parent" });
    const never = new Promise<void>(() => undefined);
    s.onDispose((outcome) => void outcomes.push(["parent", outcome]));
    void s.fork((fork) => {
      fork.onDispose((outcome) => void outcomes.push(["fork", outcome]));
      return never;
    });
    await s.close({ status: "aborted", reason: "stop" });
    const aborted = { status: "aborted", reason: "stop" };
    expect(outcomes).toEqual([
      ["fork", aborted],
      ["parent", aborted],
    ]);
  });

  test("from inside the body does not wait for the body", async () => {
    const value = await session.run(async (s) => {
      await s.close({ status: "error", error: "mine" });
      expect(await s.done).toEqual({ status: "error", error: "mine" });
      return "after";
    });
    expect(value).toBe("after");
  });
});

describe("a synchronous iterator that session.run returns", () => {
  function* numbers(events: string[]): Generator<number> {
    try {
      yield 1;
      yield 2;
    } catch (error) {
      events.push(`caught ${String(error)}`);
      yield 3;
    } finally {
      events.push(`finally ${session.tryCurrent()?.id}`);
    }
  }

  function open(options: { signal?: AbortSignal } = {}) {
    const events: string[] = [];
    const numbersOf = session.run({ id: "s", ...options }, (s) => {
      s.onDispose(({ status }) => void events.push(status));
      return numbers(events);
    });
    return { events, numbersOf };
  }

  test("is broken off, thrown into, or aborted", () => {
    const broken = open();
    for (const n of broken.numbersOf) if (n === 1) break;
    expect(broken.events).toEqual(["finally s", "aborted"]);

    const thrown = open();
    thrown.numbersOf.next();
    expect(thrown.numbersOf.throw("x").value).toBe(3);
    expect(thrown.numbersOf.next().done).toBe(true);
    expect(thrown.events).toEqual(["caught x", "finally s", "ok"]);
  });

  test("whose session is aborted throws the reason at its next step", async () => {
    const controller = new AbortController();
    const { events, numbersOf } = open({ signal: controller.signal });
    numbersOf.next();
    controller.abort("stop");
    expect(() => numbersOf.next()).toThrow("stop");
    await setImmediate();
    expect(events).toEqual(["finally s", "aborted"]);
  });

  test("has what the runtime's generators have", () => {
    const inherited = Object.getPrototypeOf(
      Object.getPrototypeOf(Object.getPrototypeOf(numbers([]))),
    ) as object;
    expect(Object.prototype.isPrototypeOf.call(inherited, open().numbersOf)).toBe(true);
    expect([...open().numbersOf]).toEqual([1, 2]);
  });
});

test("an array iterator and a plain iterator without return are drained as well", async () => {
  const { live } = session.stats;
  expect([...session.run(() => [1, 2].values())]).toEqual([1, 2]);
  for (const value of session.run(() => [1, 2].values())) if (value === 1) break;
  const failing = session.run(() => [1, 2].values()) as Iterator<number>;
  expect(() => failing.throw?.(new Error("x"))).not.toThrow();
  for (const value of failing as IterableIterator<number>) expect(value).toBeLessThan(3);
  expect(session.stats.live).toBe(live);
});

test("a lazy thenable does its work in the session, which stays open for it", async () => {
  const seen: (string | undefined)[] = [];
  const query = {
    // oxlint-disable-next-line no-thenable -- what query builders are
    then(resolve: (value: string) => void) {
      seen.push(session.tryCurrent()?.id);
      resolve("rows");
    },
  };
  expect(await session.run({ id: "s" }, () => query)).toBe("rows");
  expect(seen).toEqual(["s"]);
});

test("a Response that fetch gave keeps its url, and a bound Response its body's session", async () => {
  const server = createServer((_request, response) => response.end("body")).listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/path`;
  const s = session.open({ id: "s" });
  const response = s.bind(await fetch(url));
  expect([response.url, response.redirected, await response.text()]).toEqual([url, false, "body"]);
  const empty = new Response(null);
  expect(s.bind(empty)).toBe(empty);
  await s.close();
  server.close();
});

test("an outcome's error is recognised by its code, from any copy", () => {
  const foreign = Object.assign(new Error("x"), { code: "SESSION_MISSING" });
  expect(isSessionError(foreign)).toBe(false);
  expect(isSessionError(null)).toBe(false);
});
