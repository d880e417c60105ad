import { expect, expectTypeOf, it } from "vitest";
import { diverter, flow, graph, loop, parallel, pipeline, switchOn, warp, when } from "@lazy/flow";

it("parallel", async () => {
  const p = parallel({ a: (x: number) => x + 1, b: async (x: number) => `${x}` });
  expectTypeOf(p(1)).toEqualTypeOf<Promise<{ a: number; b: string }>>();
  expect(await p(1)).toEqual({ a: 2, b: "1" });
  const s = parallel([(x: number) => x + 1, (x: number) => `${x}`]);
  expectTypeOf(s(1)).toEqualTypeOf<[number, string]>();
  expect(s(1)).toEqual([2, "1"]);
  const m = parallel({
    a: async function* (x: number) {
      yield x;
      yield x + 1;
    },
    b: async function* (x: number) {
      yield `${x}`;
    },
    c: (x: number) => x > 1,
  });
  const got = await m.merge(1).toArray();
  expectTypeOf(got).toEqualTypeOf<(string | number | boolean)[]>();
  expect(got.length).toBe(4);
  const f = flow<{ q: string }>("f")
    .step("docs", ({ q }) => [q])
    .step(
      "fan",
      parallel({
        n: (docs, { runId }) => docs.length + runId.length,
        s: async (docs, ctx) => docs.join("") + ctx.out.docs.join(""),
      }),
    );
  const r = await f.call({ q: "x" });
  expectTypeOf(r).toEqualTypeOf<{ n: number; s: string }>();
  expect(r).toEqual({ n: 37, s: "xx" });
  expect(p.only("a")(4)).toEqual({ a: 5 });
  expectTypeOf(p.only("a")(4)).toEqualTypeOf<{ a: number }>();
  expect(p.only()(4)).toEqual({});
  const bad = flow<number>("outer").step(
    "fan",
    parallel({
      ok: (x) => x,
      b: loop(
        (x: number): number => {
          if (x > 2) throw new Error("parse");
          return x + 1;
        },
        { max: 9 },
      ),
    }),
  );
  expect(() => bad.call(0)).toThrow(
    expect.objectContaining({ path: ["outer", "fan", "b", "loop#4"] }),
  );
});
it("others", async () => {
  expect(
    diverter({ a: (x: number) => x + 1, b: (s: string) => s + "!" })({ a: 1, b: "x" }),
  ).toEqual({ a: 2, b: "x!" });
  expectTypeOf(
    diverter({ a: (x: number) => x + 1, b: async (s: string) => s + "!" })({ a: 1, b: "x" }),
  ).toEqualTypeOf<Promise<{ a: number; b: string }>>();
  expect(warp((x: number) => x * 2)([1, 2, 3])).toEqual([2, 4, 6]);
  expect(await warp(async (x: number) => x * 2, { concurrency: 2 })([1, 2, 3])).toEqual([2, 4, 6]);
  const w = flow<string[]>("w").step(warp((s) => s.length));
  expectTypeOf(w.call([])).toEqualTypeOf<number[]>();
  const sw = switchOn((x: { kind: "a" | "b"; n: number }) => x.kind).cases({
    a: (x) => x.n,
    b: async (x) => `${x.n}`,
  });
  expectTypeOf(sw({ kind: "a", n: 1 })).toEqualTypeOf<number | Promise<string>>();
  expect(sw({ kind: "a", n: 1 })).toBe(1);
  // @ts-expect-error b is missing
  switchOn((x: { kind: "a" | "b"; n: number }) => x.kind).cases({ a: (x) => x.n });
  const wh = when(
    (x: string | number): x is string => typeof x === "string",
    (s) => s.length,
    (n) => n + 1,
  );
  expectTypeOf(wh("")).toEqualTypeOf<number>();
  expect(wh("abc")).toBe(3);
  const l = loop((x: number) => x * 2, { until: (x) => x > 100 });
  expectTypeOf(l(1)).toEqualTypeOf<number>();
  expect(l(1)).toBe(128);
  expect(await loop(async (x: number) => x * 2, { max: 3 })(1)).toBe(8);
  const g = graph<number>()
    .node("a", ["$in"], (x) => x + 1)
    .node("b", ["$in", "a"], async (x, a) => `${x}${a}`)
    .node("c", ["a", "b"], (a, b) => b + a);
  expect(await g.out("c")(1)).toBe("122");
  expectTypeOf(g.out("c")(1)).toEqualTypeOf<Promise<string>>();
  // @ts-expect-error no such node
  expect(() => g.node("d", ["nope"], () => 1)).toThrow(TypeError);
  const pl = pipeline(
    (x: number) => x + 1,
    async (x) => `${x}`,
    (s) => s.length,
  );
  expectTypeOf(pl.call(3)).toEqualTypeOf<Promise<number>>();
  expect(await pl.call(99)).toBe(3);
});
