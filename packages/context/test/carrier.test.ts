import { execFile } from "node:child_process";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { once } from "node:events";
import { promisify } from "node:util";
import { Worker } from "node:worker_threads";
import { defineGlobals, session } from "@lazy/context";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

const code = (expected: string) => expect.objectContaining({ code: expected });
const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");

interface Wire {
  user: string | null;
  roles: () => string[];
  quota: number;
  secret: string;
  anything: unknown;
}

const wire = defineGlobals<Wire>(
  { user: null, roles: () => [], quota: 0, secret: "s", anything: null },
  {
    name: "wire",
    policy: {
      user: { propagate: true },
      roles: { propagate: true, readonly: true },
      anything: { propagate: true },
      quota: {
        propagate(received) {
          if (typeof received !== "number") throw new TypeError("not a number");
          return received;
        },
      },
    },
  },
);

const refusals: { header: string; reason: string }[] = [];
const note = (message: unknown): void => void refusals.push(message as (typeof refusals)[0]);

beforeEach(() => {
  refusals.length = 0;
  subscribe("lazy:session:refused", note);
});
afterEach(() => void unsubscribe("lazy:session:refused", note));

describe("inject and extract", () => {
  test("carry the id and the keys that may propagate, and nothing else", () => {
    const headers = session.run({ id: "request-7 ✓" }, () => {
      wire.user = "ada\r\nx: y";
      wire.quota = 3;
      wire.secret = "stays";
      wire.$set("anything", { deep: [1, { a: null }] });
      return session.inject();
    });
    expect(headers["lazy-session"]).toMatch(/^[\w-]+$/);
    session.extract(headers, (s) => {
      expect(s.id).toBe("request-7 ✓");
      expect(wire.$snapshot()).toEqual({
        user: "ada\r\nx: y",
        roles: [],
        quota: 3,
        secret: "s",
        anything: { deep: [1, { a: null }] },
      });
    });
    expect(refusals).toEqual([]);
  });

  test("work with Headers, a Map, and Node's headers", () => {
    session.run({ id: "h" }, () => {
      const headers = session.inject(new Headers({ accept: "x" }));
      expect(headers.get("accept")).toBe("x");
      const map = session.inject(new Map<string, string>());
      const value = map.get("lazy-session")!;
      for (const source of [headers, map, { "Lazy-Session": value }, { "lazy-session": [value] }]) {
        session.extract(source, (s) => expect(s.id).toBe("h"));
      }
    });
  });

  test("the options' id goes before the carried one", () => {
    const headers = session.run({ id: "carried" }, () => session.inject());
    expect(session.extract(headers, { id: "given" }, (s) => s.id)).toBe("given");
  });

  test("carry traceparent, tracestate and baggage along, through forks", () => {
    const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    const incoming = { traceparent, tracestate: "a=1", baggage: "k=v;p,user=%20" };
    session.extract(incoming, (s) => {
      expect(session.inject()).toMatchObject(incoming);
      s.fork(() => expect(session.inject()).toMatchObject(incoming));
      expect(session.inject({ traceparent: "own" })).toMatchObject({ traceparent: "own" });
    });
    expect(refusals).toEqual([]);
  });

  test.each([
    ["traceparent", "00-00000000000000000000000000000000-b7ad6b7169203331-01"],
    ["traceparent", "nonsense"],
    ["baggage", "k=v\r\nset-cookie: a=b"],
    ["baggage", "x".repeat(8193)],
    ["tracestate", "\u0000"],
  ])("refuse a %s that is malformed", (header, value) => {
    session.extract({ [header]: value }, () => {
      expect(session.inject()).not.toHaveProperty(header);
    });
    expect(refusals).toEqual([{ header, reason: expect.stringContaining("W3C") as string }]);
  });
});

describe("a header that cannot be accepted", () => {
  test.each([
    ["not base64url", "a b"],
    ["CRLF", "abc\r\nx: y"],
    ["not JSON", "abcd"],
    ["an unknown version", encode({ v: 2, id: "x" })],
    ["no id", encode({ v: 1 })],
    ["an id with control characters", encode({ v: 1, id: "a\nb" })],
    ["globals that are none", encode({ v: 1, id: "x", g: { wire: 7 } })],
    [
      "a key __proto__",
      Buffer.from(
        '{"v":1,"id":"x","g":{"wire":{"anything":{"__proto__":{"admin":true}}}}}',
      ).toString("base64url"),
    ],
    [
      "a key constructor.prototype",
      encode({ v: 1, id: "x", g: { wire: { anything: { constructor: { prototype: {} } } } } }),
    ],
    ["more than 4 KiB", encode({ v: 1, id: "x", g: { wire: { user: "x".repeat(4096) } } })],
    ["several values", ["a", "b"]],
  ])("(%s) is refused, and the request goes on in a session of its own", (_what, value) => {
    const before = session.stats.refused;
    session.extract({ "lazy-session": value }, (s) => {
      expect(s.id).toMatch(/^[\w-]{21}$/);
      expect(wire.$snapshot()).toMatchObject({ user: null, anything: null });
    });
    expect(session.stats.refused).toBe(before + 1);
    expect(refusals[0]!.header).toBe("lazy-session");
    expect(({} as { admin?: boolean }).admin).toBeUndefined();
  });

  test("for some keys is accepted for the others", () => {
    const g = { wire: { user: "ada", secret: "stolen", quota: "many" }, other: { a: 1 } };
    session.extract({ "lazy-session": encode({ v: 1, id: "x", g }) }, (s) => {
      expect(s.id).toBe("x");
      expect(wire.$snapshot()).toMatchObject({ user: "ada", secret: "s", quota: 0 });
    });
    expect(refusals.map(({ reason }) => /key (\S+)/.exec(reason)![1])).toEqual([
      "wire.secret",
      "wire.quota",
      "other.a",
    ]);
  });
});

describe("inject refuses at once", () => {
  test("more than 4 KiB, naming the largest keys", () => {
    session.run(() => {
      wire.user = "x".repeat(4000);
      wire.$set("anything", "y");
      expect(() => session.inject()).toThrow(code("BUDGET_EXCEEDED"));
      expect(() => session.inject()).toThrow(/wire\.user \(4002\), wire\.anything \(3\)/);
    });
  });

  const cycle: { self?: object } = {};
  cycle.self = cycle;
  test.each([
    ["a class instance", new Map()],
    ["a date", new Date()],
    ["a function", { f: () => 1 }],
    ["NaN", [Number.NaN]],
    ["a bigint", 1n],
    ["a symbol", Symbol("s")],
    ["undefined", [undefined]],
    ["a cycle", cycle],
    ["a key __proto__", JSON.parse('{"__proto__":1}')],
  ])("%s", (_what, value) => {
    session.run(() => {
      wire.anything = value;
      expect(() => session.inject()).toThrow(code("PROPAGATE_INVALID"));
    });
  });

  test("being outside a session, and headers that are none", () => {
    expect(() => session.inject()).toThrow(code("SESSION_MISSING"));
    session.run(() => expect(() => session.inject(7 as never)).toThrow(code("CARRIER_INVALID")));
    expect(() => session.extract(null as never, () => 1)).toThrow(code("CARRIER_INVALID"));
    expect(() => session.extract({}, 1 as never)).toThrow(code("OPTIONS_INVALID"));
  });
});

function send(): Record<string, string> {
  return session.run({ id: "crossing" }, () => {
    wire.user = "ada";
    return session.inject();
  });
}

describe("another process", () => {
  const receiver = new URL("fixtures/receive.mjs", import.meta.url);

  test("is a worker thread", async () => {
    const worker = new Worker(receiver, { workerData: send(), execArgv: [] });
    expect(await once(worker, "message")).toEqual([{ id: "crossing", user: "ada" }]);
  });

  test("is a child process", async () => {
    const { stdout } = await promisify(execFile)(process.execPath, [receiver.pathname], {
      env: { ...process.env, LAZY_SESSION: JSON.stringify(send()) },
    });
    expect(JSON.parse(stdout)).toEqual({ id: "crossing", user: "ada" });
  });
});
