import { setImmediate as turn } from "node:timers/promises";
import { diverter, flow, graph, loop, parallel, pipeline, switchOn, warp, when } from "@lazy/flow";
import { describe, expect, it } from "vitest";

describe("pipeline", () => {
  it("runs its steps one after the other", async () => {
    expect(
      pipeline(
        (n: number) => n + 1,
        (n) => n * 2,
      ).call(3),
    ).toBe(8);
    expect(
      await pipeline(
        async (n: number) => n + 1,
        (n) => n * 2,
      ).call(3),
    ).toBe(8);
  });

  it("bind(p.input) is ctx.input and bind(p.output(step)) is ctx.out.step, at any depth", () => {
    const chain = flow<number>()
      .step("plus", (n) => n + 1)
      .step("times", (n) => n * 10)
      .step(
        "branch",
        parallel({ deep: loop((n, { input, out }) => n + input + out.plus, { max: 2 }) }),
      )
      .nest("nested", (inner) =>
        inner.step(({ deep }, { outer }) => [deep, outer.input, outer.out.plus, outer.out.times]),
      );
    expect(chain.call(1)).toEqual([26, 1, 2, 20]);
  });

  it("a pipeline is a step of a pipeline", () => {
    const inner = pipeline((n: number) => n + 1);
    expect(pipeline(inner, inner, (n) => n).call(0)).toBe(2);
  });
});

describe("parallel", () => {
  const branches = { a: (n: number) => n + 1, b: (n: number) => n * 2 };

  it(".asdict is a record of branches, .aslist and .astuple an array", () => {
    expect(parallel(branches)(3)).toEqual({ a: 4, b: 6 });
    expect(parallel([branches.a, branches.b])(3)).toEqual([4, 6]);
  });

  it(".sum and .join are the next step", () => {
    const list = parallel([branches.a, branches.b]);
    expect(
      flow<number>()
        .step(list)
        .step(([a, b]) => a + b)
        .call(3),
    ).toBe(10);
    expect(
      flow<number>()
        .step(list)
        .step((all) => all.join("\n"))
        .call(3),
    ).toBe("4\n6");
  });

  it("sequential is concurrency 1: a branch starts when the one before has ended", async () => {
    const order: string[] = [];
    const branch = (name: string) => async (): Promise<void> => {
      order.push(`${name} starts`);
      await turn();
      order.push(`${name} ends`);
    };
    await parallel([branch("a"), branch("b")], { concurrency: 1 })(undefined);
    expect(order).toEqual(["a starts", "a ends", "b starts", "b ends"]);
  });

  it("kept and skipped items are .only(…), and skipping all of them runs none", () => {
    let ran = 0;
    const counted = parallel({ a: () => (ran += 1), b: () => (ran += 1) });
    expect(counted.only("b")(undefined)).toEqual({ b: 1 });
    expect(counted.only()(undefined)).toEqual({});
    expect(ran).toBe(1);
  });

  it("branches that wait for each other at a barrier do not deadlock, however many there are", async () => {
    const count = 12;
    let arrived = 0;
    let open: (() => void) | undefined;
    const barrier = new Promise<void>((resolve) => {
      open = resolve;
    });
    const branch = async (): Promise<number> => {
      arrived += 1;
      if (arrived === count) open!();
      await barrier;
      return arrived;
    };
    expect(await parallel(Array.from({ length: count }, () => branch))(undefined)).toHaveLength(
      count,
    );
  });

  it("arguments shared by branches and calls are not rewritten", async () => {
    const input = Object.freeze({ list: Object.freeze([1, 2]) });
    const seen: unknown[] = [];
    const fan = flow<typeof input>()
      .step("same", (given) => given)
      .step(
        parallel([
          (given, { input: own }) => seen.push(given, own),
          (given, { out }) => seen.push(given, out.same),
        ]),
      );
    expect([fan.call(input), fan.call(input)]).toHaveLength(2);
    expect(seen.every((value) => value === input)).toBe(true);
  });
});

describe("diverter", () => {
  it("gives each branch its own input", async () => {
    const divert = diverter({ a: (n: number) => n + 1, b: async (text: string) => text.length });
    expect(await divert({ a: 1, b: "xyz" })).toEqual({ a: 2, b: 3 });
    expect(diverter([(n: number) => n, (text: string) => text])([1, "x"])).toEqual([1, "x"]);
  });
});

describe("warp", () => {
  it("runs one step on every item, in bounds, and keeps the order", async () => {
    let active = 0;
    let most = 0;
    const squares = warp(
      async (n: number) => {
        active += 1;
        most = Math.max(most, active);
        for (let wait = n % 3; wait >= 0; wait -= 1) await turn();
        active -= 1;
        return n * n;
      },
      { concurrency: 3 },
    );
    expect(await squares([1, 2, 3, 4, 5, 6, 7])).toEqual([1, 4, 9, 16, 25, 36, 49]);
    expect(most).toBe(3);
    expect(await squares([])).toEqual([]);
  });
});

describe("switch", () => {
  it("takes the case of the key; conversion is the key function", async () => {
    const route = switchOn((text: string) => (text.trim() === "" ? "empty" : "full")).cases({
      empty: () => 0,
      full: async (text) => text.length,
    });
    expect(route("  ")).toBe(0);
    expect(await route("abc")).toBe(3);
  });

  it("takes the default for other keys", () => {
    const route = switchOn((n: number): number => n).cases({ 1: () => "one" }, (n) => `other ${n}`);
    expect([route(1), route(9)]).toEqual(["one", "other 9"]);
  });

  it("the first match of several conditions is a when in a when", () => {
    const size = when(
      (n: number) => n > 100,
      () => "large",
      when(
        (n: number) => n > 10,
        () => "middling",
        () => "small",
      ),
    );
    expect([size(1000), size(50), size(5)]).toEqual(["large", "middling", "small"]);
  });

  it("the key may be asked for", async () => {
    const route = switchOn(async (n: number) => (n > 0 ? "up" : "down")).cases({
      up: () => 1,
      down: () => -1,
    });
    expect(await route(-5)).toBe(-1);
  });
});

describe("ifs", () => {
  it("is when: one step or the other, or the value as it is", async () => {
    expect(
      when(
        (n: number) => n > 0,
        (n) => n + 1,
        (n) => n - 1,
      )(-1),
    ).toBe(-2);
    expect(
      when(
        (n: number) => n > 0,
        (n) => n + 1,
      )(-1),
    ).toBe(-1);
    expect(
      await when(
        async (n: number) => n > 0,
        (n) => n + 1,
      )(1),
    ).toBe(2);
  });

  it("runs only the branch it takes", () => {
    const fail = (): never => {
      throw new Error("taken");
    };
    expect(
      when(
        (n: number) => n > 0,
        (n) => n,
        fail,
      )(1),
    ).toBe(1);
  });
});

describe("loop", () => {
  it("stop_condition is until, count is max", async () => {
    expect(loop((n: number) => n * 2, { until: (n) => n > 50 })(1)).toBe(64);
    expect(loop((n: number) => n * 2, { max: 3 })(1)).toBe(8);
    const rounds: number[] = [];
    const counted = loop(async (n: number) => n + 1, {
      until: async (_n, round) => rounds.push(round) === 3,
      max: 9,
    });
    expect(await counted(0)).toBe(3);
    expect(rounds).toEqual([1, 2, 3]);
  });

  it("on_limit: goes on with the value, fails, or a larger number extends this call only", async () => {
    const until = (n: number): boolean => n >= 10;
    const step = (n: number): number => n + 1;
    expect(loop(step, { until, max: 3, onLimit: "return" })(0)).toBe(3);
    expect(() => loop(step, { until, max: 3 })(0)).toThrow(
      expect.objectContaining({ code: "LOOP_LIMIT" }),
    );
    const limits: number[] = [];
    const extended = loop(async (n: number) => n + 1, {
      until,
      max: 2,
      onLimit: (_n, rounds) => {
        limits.push(rounds);
        return rounds === 2 ? 4 : 0;
      },
    });
    expect(await extended(0)).toBe(4);
    expect(limits).toEqual([2, 4]);
    limits.length = 0;
    expect(await extended(0)).toBe(4);
    expect(limits).toEqual([2, 4]);
  });
});

describe("graph", () => {
  it("edges are names; nodes run as soon as what they read is there, and only if needed", async () => {
    const order: string[] = [];
    const note = async (name: string, value: number): Promise<number> => {
      order.push(`${name} starts`);
      await turn();
      order.push(`${name} ends`);
      return value;
    };
    const nodes = graph<number>()
      .node("a", ["$in"], (n) => note("a", n + 1))
      .node("b", ["$in"], (n) => note("b", n + 2))
      .node("unused", ["a"], () => note("unused", 0))
      .node("c", ["a", "b"], (a, b) => a * b);
    expect(await nodes.out("c")(1)).toBe(6);
    expect(order).toEqual(["a starts", "b starts", "a ends", "b ends"]);
    expect(await nodes.out(["a", "c"])(1)).toEqual([2, 6]);
  });

  it("a formatter on an edge is a node, a constant is a node that reads nothing", () => {
    const nodes = graph<{ text: string }>()
      .node("text", ["$in"], ({ text }) => text)
      .node("greeting", [], () => "hello")
      .node("both", ["greeting", "text"], (greeting, text) => `${greeting} ${text}`);
    expect(nodes.out("both")({ text: "you" })).toBe("hello you");
  });

  it("a cycle cannot be written: a node reads what is declared before it", () => {
    const nodes = graph<number>();
    // @ts-expect-error b is not there yet
    expect(() => nodes.node("a", ["b"], (b) => b)).toThrow(/"b", which is not declared before it/);
  });
});

describe("post_action and hooks", () => {
  it("post_action is tap: it sees the value and changes nothing", async () => {
    const seen: unknown[] = [];
    expect(
      flow<number>()
        .step((n) => n + 1)
        .tap((n) => seen.push(n))
        .call(1),
    ).toBe(2);
    const tapped = flow()
      .step(function* () {
        yield* "ab";
      })
      .tap(async (chunk) => {
        await turn();
        seen.push(chunk);
      });
    expect(await tapped.call()).toEqual(["a", "b"]);
    expect(seen).toEqual([2, "a", "b"]);
  });

  it("pre_hook, post_hook and report are use", () => {
    const order: string[] = [];
    const watched = flow<number>("f")
      .step("s", (n) => n + 1)
      .use({
        "run-started": ({ input }) => order.push(`pre ${String(input)}`),
        "run-ended": ({ output }) => order.push(`post ${String(output)}`),
      });
    expect(watched.call(1)).toBe(2);
    expect(order).toEqual(["pre 1", "post 2"]);
  });
});

describe("StreamCallHelper", () => {
  it("is stream(): chunks come as they are made, and an error reaches the reader", async () => {
    const chain = flow("f").step("llm", async function* () {
      yield "a";
      throw new Error("cut");
    });
    const seen: string[] = [];
    await expect(chain.stream().forEach((chunk) => seen.push(chunk))).rejects.toThrow(
      "f › llm: cut",
    );
    expect(seen).toEqual(["a"]);
  });
});
