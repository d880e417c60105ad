import { inspect } from "node:util";
import { defineGlobals, session } from "@lazy/context";
import { describe, expect, expectTypeOf, test } from "vitest";

const code = (expected: string) => expect.objectContaining({ code: expected });

interface Turn {
  text: string;
}

const chat = defineGlobals(
  {
    user: null as string | null,
    tokens: 0,
    history: () => [] as Turn[],
    settings: { model: { name: "small" } },
    nothing: undefined as string | undefined,
    started: () => Symbol("started"),
  },
  {
    name: "chat",
    policy: {
      tokens: { fork: "reset", join: (parent, child) => parent + child },
      started: { readonly: true },
    },
  },
);

const talk = (user: string) =>
  session.run(async () => {
    chat.user = user;
    for (let i = 0; i < 10; i++) {
      chat.tokens += 1;
      chat.$update("history", (history) => void history.push({ text: user }));
      await Promise.resolve();
    }
    return chat.$snapshot();
  });

describe("globals", () => {
  test("are each session's own", async () => {
    const [ada, bob] = await Promise.all([talk("ada"), talk("bob")]);
    expect(ada).toMatchObject({ user: "ada", tokens: 10, nothing: undefined });
    expect(bob.history.map((turn) => turn.text)).toEqual(Array.from({ length: 10 }, () => "bob"));
  });

  test("have types", () => {
    expectTypeOf<typeof chat.user>().toEqualTypeOf<string | null>();
    expectTypeOf<typeof chat.history>().toEqualTypeOf<Turn[]>();
    // @ts-expect-error -- readonly
    expect(() => session.run(() => (chat.started = Symbol("x")))).toThrow(code("READONLY"));
    // @ts-expect-error -- not a number
    expect(() => session.run(() => chat.$add("user", 1))).toThrow(TypeError);
    // @ts-expect-error -- no such key
    expect(() => session.run(() => chat.$get("nobody"))).toThrow(code("GLOBALS_INVALID"));
  });

  test("never share a nested default", () => {
    const names = [1, 2].map(() =>
      session.run(() => {
        const before = chat.settings.model.name;
        chat.settings.model.name = "changed";
        return before;
      }),
    );
    expect(names).toEqual(["small", "small"]);
  });

  test("make a default on first touch, once", () => {
    let made = 0;
    const lazy = defineGlobals({ a: () => ++made, b: () => ++made });
    session.run(() => {
      expect([lazy.a, lazy.a]).toEqual([1, 1]);
    });
    expect(made).toBe(1);
  });

  test("keep undefined as a value", () => {
    const set = defineGlobals<{ a: string | undefined }>({ a: "default" });
    session.run(() => {
      set.a = undefined;
      expect(set.a).toBeUndefined();
      expect(set.$get("a")).toBeUndefined();
      set.$reset("a");
      expect(set.a).toBe("default");
    });
  });

  test("throw outside a session and after its end", async () => {
    expect(() => chat.user).toThrow(code("SESSION_MISSING"));
    expect(() => {
      chat.user = "x";
    }).toThrow(code("SESSION_MISSING"));
    const s = session.open();
    const read = s.bind(() => chat.user);
    const write = s.bind(() => (chat.user = "x"));
    s.run(() => (chat.user = "ada"));
    await s.close();
    expect(read).toThrow(code("SESSION_DISPOSED"));
    expect(write).toThrow(code("SESSION_DISPOSED"));
  });

  test("have methods for what an accessor cannot say", () => {
    session.run(() => {
      chat.$set("user", "ada");
      expect(chat.$get("user")).toBe("ada");
      expect(chat.$add("tokens", 3)).toBe(3);
      chat.$update("tokens", (tokens) => tokens * 2);
      expect(chat.tokens).toBe(6);
      chat.$reset();
      expect([chat.user, chat.tokens]).toEqual([null, 0]);
      const copy = chat.$snapshot();
      copy.settings.model.name = "other";
      expect(chat.settings.model.name).toBe("small");
    });
  });

  test("refuse an asynchronous reducer, and a write to a readonly key", () => {
    session.run(() => {
      expect(() => chat.$update("tokens", (async (n: number) => n + 1) as never)).toThrow(
        code("REDUCER_ASYNC"),
      );
      expect(chat.tokens).toBe(0);
      expect(() => chat.$set("started" as never, 1 as never)).toThrow(code("READONLY"));
      expect(() => chat.$reset("started" as never)).toThrow(code("READONLY"));
      expect(chat.started).toBe(chat.started);
    });
  });

  test("read well in a log, inside and outside", () => {
    expect(inspect(chat)).toContain("Globals chat outside a session");
    session.run({ id: "i" }, (s) => {
      chat.user = "ada";
      expect(inspect(chat)).toContain("user: 'ada', tokens: <untouched>");
      expect(inspect(s)).toBe(
        "Session { id: 'i', state: 'open', globals: { chat: { user: 'ada' } } }",
      );
    });
  });

  test("are independent sets, unless name and keys are the same", () => {
    const first = defineGlobals({ a: 1 });
    const second = defineGlobals({ a: 2 });
    const named = defineGlobals({ x: 1, y: 2 }, { name: "twice" });
    const again = defineGlobals({ y: 2, x: 1 }, { name: "twice" });
    session.run(() => {
      first.a = 10;
      expect(second.a).toBe(2);
      named.x = 7;
      expect([again.x, again.y]).toEqual([7, 2]);
    });
    expect(() => defineGlobals({ z: 1 }, { name: "twice" })).toThrow(code("GLOBALS_NAME_TAKEN"));
  });
});

describe("a fork", () => {
  const set = defineGlobals(
    { copied: () => ({ n: 0, at: new Map([["k", [1]]]) }), shared: 0, fresh: 0, list: () => [0] },
    {
      policy: {
        shared: { fork: "share" },
        fresh: { fork: "reset" },
        list: { fork: "reset", join: (parent, child) => [...parent, ...child] },
      },
    },
  );

  test("copies, shares or resets each key, and joins when it ends", () => {
    session.run((s) => {
      set.copied.n = 1;
      set.shared = 1;
      set.fresh = 1;
      set.list.push(1);
      s.fork(() => {
        expect([set.copied.n, set.shared, set.fresh, set.list]).toEqual([1, 1, 0, [0]]);
        set.copied.n = 2;
        set.copied.at.get("k")!.push(2);
        set.shared = 2;
        set.fresh = 2;
        set.list = [7];
        session.fork(() => {
          expect(set.shared).toBe(2);
          set.shared = 3;
          expect(set.copied.n).toBe(2);
        });
      });
      expect([set.copied.n, set.shared, set.fresh, set.list]).toEqual([1, 3, 1, [0, 1, 7]]);
      expect(set.copied.at.get("k")).toEqual([1]);
    });
  });

  test("does not join a key it has not touched", () => {
    session.run(() => {
      session.fork(() => undefined);
      expect(set.list).toEqual([0]);
    });
  });

  test("joins however it ended", async () => {
    const outcomes: string[] = [];
    const counted = defineGlobals(
      { n: 0 },
      {
        policy: {
          n: {
            fork: "reset",
            join: (parent, child, outcome) => {
              outcomes.push(outcome.status);
              return parent + child;
            },
          },
        },
      },
    );
    await session.run(async () => {
      await session.fork(async () => void (counted.n = 2));
      await session
        .fork(async () => {
          counted.n = 3;
          throw new Error("x");
        })
        .catch(() => undefined);
      expect(counted.n).toBe(5);
    });
    expect(outcomes).toEqual(["ok", "error"]);
  });
});

test.each([
  ["an unknown policy", { a: { frok: "copy" } }, "POLICY_INVALID"],
  ["an unknown fork policy", { a: { fork: "deep" } }, "POLICY_INVALID"],
  ["a policy of no key", { b: { fork: "copy" } }, "POLICY_INVALID"],
  ["a policy that is none", { a: "copy" }, "POLICY_INVALID"],
  ["share with join", { a: { fork: "share", join: () => 1 } }, "POLICY_INVALID"],
  ["propagate without a name", { a: { propagate: true } }, "POLICY_INVALID"],
])("%s is refused at once", (_what, policy, expected) => {
  const define = () => defineGlobals({ a: 1 }, { policy: policy as never });
  expect(define).toThrow(TypeError);
  expect(define).toThrow(code(expected));
});

test.each([{ $a: 1 }, JSON.parse('{"then":1}'), { ["__proto__"]: 1 }, null, 7])(
  "defaults %j are refused at once",
  (defaults) => {
    expect(() => defineGlobals(defaults as never)).toThrow(code("GLOBALS_INVALID"));
  },
);
