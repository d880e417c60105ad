import {
  flow,
  graph,
  loop,
  parallel,
  pipeline,
  type Stream,
  switchOn,
  warp,
  when,
} from "@lazy/flow";
import { expect, expectTypeOf, it } from "vitest";

it("infers input, outputs by name and results through 60 steps", () => {
  const chain = flow<number>()
    .step("s00", (n) => ({ v: n, at: 0 as const }))
    .step("s01", ({ v }, { out }) => ({ v: v + out.s00.at, at: 1 as const }))
    .step("s02", ({ v }, { out }) => ({ v: v + out.s01.at, at: 2 as const }))
    .step("s03", ({ v }, { out }) => ({ v: v + out.s02.at, at: 3 as const }))
    .step("s04", ({ v }, { out }) => ({ v: v + out.s03.at, at: 4 as const }))
    .step("s05", ({ v }, { out }) => ({ v: v + out.s04.at, at: 5 as const }))
    .step("s06", ({ v }, { out }) => ({ v: v + out.s05.at, at: 6 as const }))
    .step("s07", ({ v }, { out }) => ({ v: v + out.s06.at, at: 7 as const }))
    .step("s08", ({ v }, { out }) => ({ v: v + out.s07.at, at: 8 as const }))
    .step("s09", ({ v }, { out }) => ({ v: v + out.s08.at, at: 9 as const }))
    .step("s10", ({ v }, { out }) => ({ v: v + out.s09.at, at: 10 as const }))
    .step("s11", ({ v }, { out }) => ({ v: v + out.s10.at, at: 11 as const }))
    .step("s12", ({ v }, { out }) => ({ v: v + out.s11.at, at: 12 as const }))
    .step("s13", ({ v }, { out }) => ({ v: v + out.s12.at, at: 13 as const }))
    .step("s14", ({ v }, { out }) => ({ v: v + out.s13.at, at: 14 as const }))
    .step("s15", ({ v }, { out }) => ({ v: v + out.s14.at, at: 15 as const }))
    .step("s16", ({ v }, { out }) => ({ v: v + out.s15.at, at: 16 as const }))
    .step("s17", ({ v }, { out }) => ({ v: v + out.s16.at, at: 17 as const }))
    .step("s18", ({ v }, { out }) => ({ v: v + out.s17.at, at: 18 as const }))
    .step("s19", ({ v }, { out }) => ({ v: v + out.s18.at, at: 19 as const }))
    .step("s20", ({ v }, { out }) => ({ v: v + out.s19.at, at: 20 as const }))
    .step("s21", ({ v }, { out }) => ({ v: v + out.s20.at, at: 21 as const }))
    .step("s22", ({ v }, { out }) => ({ v: v + out.s21.at, at: 22 as const }))
    .step("s23", ({ v }, { out }) => ({ v: v + out.s22.at, at: 23 as const }))
    .step("s24", ({ v }, { out }) => ({ v: v + out.s23.at, at: 24 as const }))
    .step("s25", ({ v }, { out }) => ({ v: v + out.s24.at, at: 25 as const }))
    .step("s26", ({ v }, { out }) => ({ v: v + out.s25.at, at: 26 as const }))
    .step("s27", ({ v }, { out }) => ({ v: v + out.s26.at, at: 27 as const }))
    .step("s28", ({ v }, { out }) => ({ v: v + out.s27.at, at: 28 as const }))
    .step("s29", ({ v }, { out }) => ({ v: v + out.s28.at, at: 29 as const }))
    .step("s30", ({ v }, { out }) => ({ v: v + out.s29.at, at: 30 as const }))
    .step("s31", ({ v }, { out }) => ({ v: v + out.s30.at, at: 31 as const }))
    .step("s32", ({ v }, { out }) => ({ v: v + out.s31.at, at: 32 as const }))
    .step("s33", ({ v }, { out }) => ({ v: v + out.s32.at, at: 33 as const }))
    .step("s34", ({ v }, { out }) => ({ v: v + out.s33.at, at: 34 as const }))
    .step("s35", ({ v }, { out }) => ({ v: v + out.s34.at, at: 35 as const }))
    .step("s36", ({ v }, { out }) => ({ v: v + out.s35.at, at: 36 as const }))
    .step("s37", ({ v }, { out }) => ({ v: v + out.s36.at, at: 37 as const }))
    .step("s38", ({ v }, { out }) => ({ v: v + out.s37.at, at: 38 as const }))
    .step("s39", ({ v }, { out }) => ({ v: v + out.s38.at, at: 39 as const }))
    .step("s40", ({ v }, { out }) => ({ v: v + out.s39.at, at: 40 as const }))
    .step("s41", ({ v }, { out }) => ({ v: v + out.s40.at, at: 41 as const }))
    .step("s42", ({ v }, { out }) => ({ v: v + out.s41.at, at: 42 as const }))
    .step("s43", ({ v }, { out }) => ({ v: v + out.s42.at, at: 43 as const }))
    .step("s44", ({ v }, { out }) => ({ v: v + out.s43.at, at: 44 as const }))
    .step("s45", ({ v }, { out }) => ({ v: v + out.s44.at, at: 45 as const }))
    .step("s46", ({ v }, { out }) => ({ v: v + out.s45.at, at: 46 as const }))
    .step("s47", ({ v }, { out }) => ({ v: v + out.s46.at, at: 47 as const }))
    .step("s48", ({ v }, { out }) => ({ v: v + out.s47.at, at: 48 as const }))
    .step("s49", ({ v }, { out }) => ({ v: v + out.s48.at, at: 49 as const }))
    .step("s50", ({ v }, { out }) => ({ v: v + out.s49.at, at: 50 as const }))
    .step("s51", ({ v }, { out }) => ({ v: v + out.s50.at, at: 51 as const }))
    .step("s52", ({ v }, { out }) => ({ v: v + out.s51.at, at: 52 as const }))
    .step("s53", ({ v }, { out }) => ({ v: v + out.s52.at, at: 53 as const }))
    .step("s54", ({ v }, { out }) => ({ v: v + out.s53.at, at: 54 as const }))
    .step("s55", ({ v }, { out }) => ({ v: v + out.s54.at, at: 55 as const }))
    .step("s56", ({ v }, { out }) => ({ v: v + out.s55.at, at: 56 as const }))
    .step("s57", ({ v }, { out }) => ({ v: v + out.s56.at, at: 57 as const }))
    .step("s58", ({ v }, { out }) => ({ v: v + out.s57.at, at: 58 as const }))
    .step("s59", ({ v }, { out }) => ({ v: v + out.s58.at, at: 59 as const }))
    .step("s60", ({ v }, { out }) => ({ v: v + out.s59.at, at: 60 as const }))
    .step("s61", ({ v }, { out }) => ({ v: v + out.s60.at, at: 61 as const }))
    .step("s62", ({ v }, { out }) => ({ v: v + out.s61.at, at: 62 as const }))
    .step("s63", ({ v }, { out }) => ({ v: v + out.s62.at, at: 63 as const }))
    .step("last", (value, { out, input }) => [value.at, out.s00.at, out.s31.at, input] as const);
  expectTypeOf(chain.call(1)).toEqualTypeOf<readonly [63, 0, 31, number]>();
  expect(chain.call(1)).toEqual([63, 0, 31, 1]);
});

it("infers streams through 60 steps", async () => {
  const chain = flow<string>()
    .step(function* (text) {
      yield* text;
    })
    .each((text) => ({ n: text.length - 1 }))
    .each(({ n }) => ({ n: n + 1 }))
    .each(({ n }) => ({ n: n + 1 }))
    .each(({ n }) => ({ n: n + 1 }))
    .each(({ n }) => ({ n: n + 1 }))
    .each(({ n }) => ({ n: n + 1 }))
    .each(({ n }) => ({ n: n + 1 }))
    .each(({ n }) => ({ n: n + 1 }))
    .each(({ n }) => ({ n: n + 1 }))
    .each(({ n }) => ({ n: n + 1 }))
    .each(({ n }) => ({ n: n + 1 }))
    .each(({ n }) => ({ n: n + 1 }))
    .each(({ n }) => ({ n: n + 1 }))
    .each(({ n }) => ({ n: n + 1 }))
    .each(({ n }) => ({ n: n + 1 }))
    .each(({ n }) => ({ n: n + 1 }))
    .each(({ n }) => ({ n: n + 1 }))
    .each(({ n }) => ({ n: n + 1 }))
    .each(({ n }) => ({ n: n + 1 }))
    .each(({ n }) => ({ n: n + 1 }))
    .each(({ n }) => ({ n: n + 1 }))
    .each(({ n }) => ({ n: n + 1 }))
    .each(({ n }) => ({ n: n + 1 }))
    .each(({ n }) => ({ n: n + 1 }))
    .each(({ n }) => ({ n: n + 1 }))
    .each(({ n }) => ({ n: n + 1 }))
    .each(({ n }) => ({ n: n + 1 }))
    .each(({ n }) => ({ n: n + 1 }))
    .each(({ n }) => ({ n: n + 1 }))
    .each(({ n }) => ({ n: n + 1 }))
    .each(({ n }) => ({ n: n + 1 }))
    .each(({ n }) => ({ n: n + 1 }))
    .each(({ n }) => ({ n: n + 1 }))
    .each(({ n }) => ({ n: n + 1 }))
    .each(({ n }) => ({ n: n + 1 }))
    .each(({ n }) => ({ n: n + 1 }))
    .each(({ n }) => ({ n: n + 1 }))
    .each(({ n }) => ({ n: n + 1 }))
    .each(({ n }) => ({ n: n + 1 }))
    .each(({ n }) => ({ n: n + 1 }))
    .each(({ n }) => ({ n: n + 1 }))
    .each(({ n }) => ({ n: n + 1 }))
    .each(({ n }) => ({ n: n + 1 }))
    .each(({ n }) => ({ n: n + 1 }))
    .each(({ n }) => ({ n: n + 1 }))
    .each(({ n }) => ({ n: n + 1 }))
    .each(({ n }) => ({ n: n + 1 }))
    .each(({ n }) => ({ n: n + 1 }))
    .each(({ n }) => ({ n: n + 1 }))
    .each(({ n }) => ({ n: n + 1 }))
    .each(({ n }) => ({ n: n + 1 }))
    .each(({ n }) => ({ n: n + 1 }))
    .each(({ n }) => ({ n: n + 1 }))
    .each(({ n }) => ({ n: n + 1 }))
    .each(({ n }) => ({ n: n + 1 }))
    .each(({ n }) => ({ n: n + 1 }))
    .each(({ n }) => ({ n: n + 1 }))
    .each(({ n }) => ({ n: n + 1 }))
    .each(({ n }) => ({ n: n + 1 }))
    .each(({ n }) => ({ n: n + 1 }))
    .each(({ n }) => ({ n: n + 1 }))
    .collect("all");
  expectTypeOf(chain.call("")).toEqualTypeOf<{ n: number }[]>();
  expect(chain.call("ab")).toEqual([{ n: 60 }, { n: 60 }]);
});

const streamed = flow<string>("s")
  .step("docs", async (q) => [q])
  .step("llm", async function* (docs) {
    yield* docs;
  });

it("a stream is gone on with by each, through, collect or a step that takes it, and nothing else", () => {
  expectTypeOf(streamed.stream("")).toEqualTypeOf<Stream<string>>();
  expectTypeOf(streamed.each((token) => token.length).stream("")).toEqualTypeOf<Stream<number>>();
  expectTypeOf(streamed.each(async (token) => token.length).call("")).toEqualTypeOf<
    Promise<number[]>
  >();
  expectTypeOf(streamed.collect().call("")).toEqualTypeOf<Promise<string[]>>();
  expectTypeOf(streamed.collect((all) => all.join("")).call("")).toEqualTypeOf<Promise<string>>();
  expectTypeOf(
    streamed
      .through(async function* (tokens) {
        expectTypeOf(tokens).toEqualTypeOf<Stream<string>>();
        yield 1 as const;
      })
      .stream(""),
  ).toEqualTypeOf<Stream<1>>();
  expectTypeOf(
    streamed.step(async (tokens) => (await tokens.toArray()).length).call(""),
  ).toEqualTypeOf<Promise<number>>();

  // @ts-expect-error a plain function after a stream
  streamed.step((token: string) => token.trim());
  // @ts-expect-error the chunks' type
  streamed.each((token: number) => token);
  const value = flow<number>().step((n) => n);
  // @ts-expect-error a value has no each
  expectTypeOf(value.each).toBeFunction();
  // @ts-expect-error a value has no through
  expectTypeOf(value.through).toBeFunction();
});

it("refuses what cannot be", () => {
  const named = flow<number>().step("a", (n) => n);
  // @ts-expect-error an unknown earlier output
  named.step((_n, { out }) => out.b);
  // @ts-expect-error the output of a stream is not kept
  streamed.collect((_all, { out }) => out.llm);
  expectTypeOf(streamed.collect((_all, { out }) => out.docs).call("")).toEqualTypeOf<
    Promise<string[]>
  >();
  // @ts-expect-error a duplicate name
  expect(() => named.step("a", (n) => n)).toThrow(TypeError);
  // @ts-expect-error a duplicate name of a stream
  expect(() => streamed.collect("llm")).toThrow(TypeError);
  // @ts-expect-error the input of the next step
  named.step((text: string) => text);
  // @ts-expect-error what the flow takes
  expect(named.call("text")).toBe("text");
  const sign = switchOn((n: number) => (n > 0 ? "up" : "down"));
  const same = (n: number): number => n;
  // @ts-expect-error a missing case
  sign.cases({ up: same });
  // @ts-expect-error a case too many
  sign.cases({ up: same, down: same, left: same });
  const empty = graph<number>();
  const one = empty.node("a", ["$in"], same);
  // @ts-expect-error a graph node that does not exist
  expect(() => empty.node("a", ["b"], () => 1)).toThrow(TypeError);
  // @ts-expect-error an output that does not exist
  expect(() => one.out("b")).toThrow(TypeError);
  // @ts-expect-error a duplicate node
  expect(() => one.node("a", ["$in"], same)).toThrow(TypeError);
  const branches = parallel({ a: same });
  // @ts-expect-error a branch that does not exist
  expect(() => branches.only("b")).toThrow(TypeError);
  const text = (given: string): string => given;
  // @ts-expect-error a step that does not fit the one before
  pipeline(same, text);
});

it("combinators inside a flow know its value, input and outputs", async () => {
  const chain = flow<{ q: string }>()
    .step("docs", async ({ q }) => [q, q])
    .step(
      "fan",
      parallel({
        lengths: warp((doc: string) => doc.length),
        first: async (docs, { input }) => docs[0] + input.q,
        joined: (docs, { out }) => docs.join("+") + out.docs.length,
      }),
    )
    .step(
      when(
        ({ lengths }) => lengths.length > 1,
        ({ joined }) => joined,
        ({ first }) => first.length,
      ),
    );
  expectTypeOf(chain.call({ q: "" })).toEqualTypeOf<Promise<string | number>>();
  expect(await chain.call({ q: "x" })).toBe("x+x2");
});

it("when narrows; loop, graph, pipeline and settle give exact types", () => {
  const narrow = when(
    (value: string | number): value is string => typeof value === "string",
    (text) => {
      expectTypeOf(text).toEqualTypeOf<string>();
      return text.length;
    },
    (n) => {
      expectTypeOf(n).toEqualTypeOf<number>();
      return n;
    },
  );
  expectTypeOf(narrow("a")).toEqualTypeOf<number>();
  expectTypeOf(loop(async (n: number) => n, { max: 1 })(1)).toEqualTypeOf<Promise<number>>();
  expectTypeOf(loop((n: number): number => n, { until: async () => true })(1)).toEqualTypeOf<
    Promise<number>
  >();
  const nodes = graph<number>()
    .node("text", ["$in"], (n) => `${n}`)
    .node("both", ["$in", "text"], (n, text) => ({ n, text }));
  expectTypeOf(nodes.out("both")(1)).toEqualTypeOf<{ n: number; text: string }>();
  expectTypeOf(nodes.out(["text", "$in"])(1)).toEqualTypeOf<[string, number]>();
  const piped = pipeline(
    (n: number) => [n],
    async (list) => list.length,
    (length) => `${length}`,
  );
  expectTypeOf(piped.call(1)).toEqualTypeOf<Promise<string>>();
  const settled = parallel({ a: (n: number) => n, b: async () => "b" }, { settle: true });
  expectTypeOf(settled(1)).toEqualTypeOf<
    Promise<{ a: PromiseSettledResult<number>; b: PromiseSettledResult<string> }>
  >();
  const merged = parallel({
    tokens: async function* (n: number) {
      yield `${n}`;
    },
    count: async (n: number) => n,
  });
  expectTypeOf(merged.merge(1)).toEqualTypeOf<Stream<string | number>>();
  expectTypeOf(merged.mergeTagged(1)).toEqualTypeOf<
    Stream<{ branch: "tokens"; value: string } | { branch: "count"; value: number }>
  >();
  expectTypeOf(merged.only("count")(1)).toEqualTypeOf<Promise<{ count: number }>>();
});

it("nest sees the flow around it at any depth", async () => {
  const chain = flow<{ user: string }>()
    .step("docs", ({ user }) => [user, "doc"])
    .nest("inner", (inner) =>
      inner
        .step("count", (docs) => docs.length)
        .nest("deep", (deep) =>
          deep.step((n, { outer }) => {
            expectTypeOf(outer.outer.out.docs).toEqualTypeOf<string[]>();
            return `${outer.outer.input.user} ${outer.outer.out.docs[1]} ${outer.out.count} ${n}`;
          }),
        ),
    );
  expectTypeOf(chain.call({ user: "" })).toEqualTypeOf<string>();
  expect(chain.call({ user: "ada" })).toBe("ada doc 2 2");
});
