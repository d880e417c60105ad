import { diverter, flow, graph, loop, parallel, pipeline, switchOn, warp, when } from "@lazy/flow";
import { expect, it } from "vitest";

/** What JavaScript callers can get wrong. */
const untyped = (value: unknown) => value as never;

it.each([
  ["a step that is no function", () => flow("f").step(untyped(7)), "f.step: a step is a function"],
  ["no step", () => flow("f").step(untyped(undefined)), "not undefined"],
  ["a branch that is no function", () => parallel({ a: untyped("x") }), "parallel.a"],
  ["a diverter branch that is none", () => diverter({ a: untyped(null) }), "diverter.a"],
  ["a warp without a function", () => warp(untyped(1)), "warp"],
  ["a when without a function", () => when(untyped(1), (n) => n), "when"],
  ["a case that is none", () => switchOn((n: number) => n).cases(untyped({ 1: 2 })), "switchOn.1"],
  ["a loop without a body", () => loop(untyped(1), { max: 1 }), "loop"],
  ["a graph node without a function", () => graph().node("a", [], untyped(1)), 'node "a"'],
  ["an empty pipeline", () => (pipeline as unknown as () => unknown)(), "at least one step"],
  [
    "a duplicate name",
    () =>
      flow("f")
        .step("a", () => 1)
        .step(untyped("a"), () => 2),
    'named "a" already',
  ],
  [
    "a duplicate node",
    () =>
      graph<number>()
        .node("a", [], () => 1)
        .node(untyped("a"), [], () => 2),
    '"a" already',
  ],
  ["an unknown node", () => graph<number>().node("a", untyped(["b"]), () => 1), '"b"'],
  ["an unknown output of a graph", () => graph<number>().out(untyped("b")), '"b"'],
  [
    "a concurrency below 1",
    () => warp((n: number) => n, { concurrency: 0 }),
    "concurrency is a number from 1 on, not 0",
  ],
  [
    "a concurrency that is none",
    () => parallel({ a: (n: number) => n }, { concurrency: untyped("2") }),
    "concurrency",
  ],
  [
    "a concurrency of NaN",
    () =>
      flow()
        .step(function* () {
          yield 1;
        })
        .each((n) => n, { concurrency: NaN }),
    "not NaN",
  ],
  ["a loop without an end", () => loop((n: number): number => n, {}), "without an end"],
  ["a loop of no round", () => loop((n: number): number => n, { max: 0 }), "from 1 on, not 0"],
  ["a timeout of 0", () => flow().step(() => 1, { timeout: 0 }), "timeout"],
  ["a negative retry", () => flow().step(() => 1, { retry: -1 }), "retry"],
  ["a fallback that is none", () => flow().step(() => 1, { fallback: untyped(1) }), "fallback"],
  ["an unknown hook", () => flow().use(untyped({ "step-begun": () => 1 })), '"step-begun"'],
  ["hooks that are none", () => flow().use(untyped(undefined)), "hooks"],
  [
    "an unknown branch to run only",
    () => parallel({ a: (n: number) => n }).only(untyped("b")),
    '"b"',
  ],
  [
    "a tee of no reader",
    () =>
      flow()
        .step(() => 1)
        .stream()
        .tee(0),
    "tee",
  ],
  [
    "a tee without a buffer",
    () =>
      flow()
        .step(() => 1)
        .stream()
        .tee(2, { buffer: 0 }),
    "buffer",
  ],
  [
    "events without a buffer",
    () =>
      flow()
        .step(() => 1)
        .events(undefined, { buffer: 0 }),
    "buffer",
  ],
])("%s is a TypeError at once", (_name, make, text) => {
  expect(make).toThrow(TypeError);
  expect(make).toThrow(text);
});

it("a checkpoint without a runId is a TypeError", async () => {
  const log = { enqueue: () => undefined, read: () => Promise.reject(new Error("unused")) };
  await expect(
    flow()
      .step(() => 1)
      .run(undefined, { checkpoint: log }),
  ).rejects.toThrow(TypeError);
});

it("reading a stream twice is STREAM_TAKEN at once", async () => {
  const stream = flow()
    .step(function* () {
      yield 1;
    })
    .stream();
  const iterator = stream[Symbol.asyncIterator]();
  expect(() => stream[Symbol.asyncIterator]()).toThrow(
    expect.objectContaining({ code: "STREAM_TAKEN" }),
  );
  await expect(stream.toArray()).rejects.toMatchObject({ code: "STREAM_TAKEN" });
  // The iterator itself may be handed on.
  const seen: number[] = [];
  for await (const n of iterator) seen.push(n);
  expect(seen).toEqual([1]);
});

it("each, through and collect after a value are NOT_A_STREAM, with the step's path", async () => {
  const value = untyped(flow("f").step("value", () => 1)) as {
    each(run: unknown): { run(): Promise<unknown>; stream(): { toArray(): Promise<unknown> } };
    through(run: unknown): { run(): Promise<unknown> };
    collect(): { run(): Promise<unknown> };
  };
  for (const chain of [
    value.each((n: unknown) => n),
    value.through((n: unknown) => n),
    value.collect(),
  ]) {
    await expect(chain.run()).rejects.toMatchObject({ code: "NOT_A_STREAM" });
  }
  await expect(
    value
      .each((n: unknown) => n)
      .stream()
      .toArray(),
  ).rejects.toMatchObject({
    code: "NOT_A_STREAM",
  });
  const stream = flow("f").step("s", function* () {
    yield 1;
  });
  await expect(
    stream
      .through(
        "t",
        untyped(() => 5),
      )
      .run(),
  ).rejects.toMatchObject({
    code: "NOT_A_STREAM",
    path: ["f", "t"],
  });
});

it("a key without a case is NO_CASE, an input without a branch BRANCH_MISSING, too many rounds LOOP_LIMIT", () => {
  const route = switchOn((n: number) => n as 1).cases({ 1: () => "one" });
  expect(() => route(2)).toThrow(expect.objectContaining({ code: "NO_CASE" }));
  const divert = diverter({ a: (n: number) => n, b: (n: number) => n });
  expect(() => divert(untyped({ a: 1 }))).toThrow(
    expect.objectContaining({ code: "BRANCH_MISSING" }),
  );
  expect(() => divert(untyped({ a: 1, b: 2, c: 3 }))).toThrow(
    expect.objectContaining({ code: "BRANCH_MISSING" }),
  );
  const endless = loop((n: number): number => n, { until: () => false, max: 3 });
  expect(() => endless(1)).toThrow(expect.objectContaining({ code: "LOOP_LIMIT" }));
});
