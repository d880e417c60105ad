import { diverter, flow, graph, loop, parallel, switchOn, warp, when } from "@lazy/flow";
import { expect, expectTypeOf, it } from "vitest";

it("a flow of synchronous steps answers with a value, in type and at run time", () => {
  const numbers = flow<number>()
    .step("numbers", function* (n) {
      for (let i = 0; i < n; i += 1) yield i;
    })
    .each((n) => n + 1)
    .tap(() => undefined)
    .collect("all")
    .step(
      "fan",
      parallel({ sum: (all) => all.reduce((a, b) => a + b, 0), count: (all) => all.length }),
    )
    .step(({ sum, count }, { out }) => sum / count + out.all.length)
    .step(
      when(
        (n) => n > 2,
        (n) => -n,
      ),
    )
    .nest("again", (inner) => inner.step(loop((n: number): number => n * 2, { max: 3 })));
  const result = numbers.call(3);
  expectTypeOf(result).toEqualTypeOf<number>();
  expect(result).toBe(-40);
});

it("each combinator answers at once when its steps do", () => {
  expect(parallel([(n: number) => n, (n: number) => `${n}`])(1)).toEqual([1, "1"]);
  expect(diverter({ a: (n: number) => n + 1 })({ a: 1 })).toEqual({ a: 2 });
  expect(warp((n: number) => n * 2)(new Set([1, 2]))).toEqual([2, 4]);
  expect(
    switchOn((n: number) => (n > 0 ? "up" : "down")).cases({ up: () => 1, down: () => 2 })(3),
  ).toBe(1);
  expect(
    graph<number>()
      .node("a", ["$in"], (n) => n + 1)
      .node("b", ["$in", "a"], (n, a) => n * a)
      .out("b")(3),
  ).toBe(12);
});

it("a stream flow of synchronous steps gives its chunks at once", () => {
  const chunks = flow<number>()
    .step(function* (n) {
      for (let i = 0; i < n; i += 1) yield i;
    })
    .each((n) => n * n)
    .call(4);
  expectTypeOf(chunks).toEqualTypeOf<number[]>();
  expect(chunks).toEqual([0, 1, 4, 9]);
});

it("100,000 synchronous items do not grow the stack, wherever they are", async () => {
  const count = 100_000;
  const numbers = flow<number>().step(function* (n) {
    for (let i = 0; i < n; i += 1) yield i;
  });
  expect(
    numbers
      .each((n) => n)
      .each((n) => n)
      .call(count),
  ).toHaveLength(count);
  let read = 0;
  for await (const chunk of numbers.each((n) => n + 1).stream(count)) read = chunk;
  expect(read).toBe(count);
  expect(await numbers.each((n) => n, { concurrency: 4 }).call(count)).toHaveLength(count);
  const numbersOf = function* (n: number): Generator<number> {
    for (let i = 0; i < n; i += 1) yield i;
  };
  expect(await parallel([numbersOf, numbersOf]).merge(count).toArray()).toHaveLength(2 * count);
  expect(warp((n: number) => n)(numbersOf(count))).toHaveLength(count);
  expect(loop((n: number): number => n + 1, { max: count })(0)).toBe(count);
});

it("a long chain of steps does not grow the stack", async () => {
  let chain = flow<number>().step((n) => n);
  for (let i = 0; i < 5000; i += 1) chain = chain.step((n) => n + 1);
  expect(chain.call(0)).toBe(5000);
  expect(await chain.step(async (n) => n).call(0)).toBe(5000);
});

it("null, undefined and '' survive as chunks and values", async () => {
  const odd = [null, undefined, "", 0, false, NaN];
  const chain = flow()
    .step(async function* () {
      yield* odd;
    })
    .each((chunk) => chunk)
    .through(async function* (chunks) {
      yield* chunks;
    })
    .each(async (chunk) => chunk, { concurrency: 2 });
  expect(await chain.stream().toArray()).toEqual(odd);
  expect(await chain.call()).toEqual(odd);
  expect(
    await parallel([() => odd[Symbol.iterator]()])
      .merge(undefined)
      .toArray(),
  ).toEqual(odd);
  for (const value of odd) {
    expect(
      flow<unknown>()
        .step((given) => given)
        .call(value),
    ).toEqual(value);
    expect(
      await flow<unknown>()
        .step(async (given) => given)
        .stream(value)
        .toArray(),
    ).toEqual([value]);
  }
});

it("a step that throws before anything waited throws at once in a synchronous flow, else rejects", async () => {
  const bad = (): never => {
    throw new Error("bad");
  };
  expect(() => flow().step(bad).call()).toThrow("bad");
  const waiting = flow()
    .step(bad)
    .step(async () => 1);
  await expect(waiting.call()).rejects.toThrow("bad");
});
