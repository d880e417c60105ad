import { setImmediate as turn } from "node:timers/promises";
import {
  diverter,
  flow,
  type FlowError,
  graph,
  loop,
  parallel,
  switchOn,
  warp,
  when,
} from "@lazy/flow";
import { expect, it } from "vitest";

const cause = new TypeError("cannot parse");
const fail = (): never => {
  throw cause;
};

/** What a run rejected with. */
async function failure(run: () => unknown): Promise<FlowError> {
  try {
    await run();
  } catch (error) {
    return error as FlowError;
  }
  throw new Error("did not fail");
}

it("names the failing step through nesting, branches and rounds; cause is the original object", async () => {
  const body = flow<number>("body").step("parse", (n) => (n === 2 ? fail() : n + 1));
  const outer = flow<number>("outer").step(
    "fan",
    parallel({ a: async (n) => n, b: loop(body, { max: 5 }) }),
  );
  const error = await failure(() => outer.call(0));
  expect(error).toMatchObject({
    name: "FlowError",
    code: "STEP_FAILED",
    path: ["outer", "fan", "b", "loop#3", "parse"],
    message: "outer › fan › b › loop#3 › parse: cannot parse",
  });
  expect(error.cause).toBe(cause);
});

it.each([
  ["the source", ["f", "source"]],
  ["the middle", ["f", "middle"]],
  ["the last generator", ["f", "last"]],
  ["an each in between", ["f", "each"]],
  ["an each at the end", ["f", "end"]],
  ["an async each", ["f", "later"]],
  ["a concurrent each", ["f", "wide"]],
  ["a tap", ["f", "look"]],
])("names the step when %s fails in mid-stream", async (_name, path) => {
  const finallies: string[] = [];
  const culprit = path.at(-1)!;
  const pass = (name: string) =>
    async function* (numbers: AsyncIterable<number>): AsyncGenerator<number> {
      try {
        for await (const n of numbers) {
          if (name === culprit && n === 1) fail();
          yield n;
        }
      } finally {
        finallies.push(name);
      }
    };
  const check = (name: string) => (n: number) => (name === culprit && n === 1 ? fail() : n);
  const chain = flow("f")
    .step("source", async function* () {
      try {
        for (let n = 0; n < 3; n += 1) {
          if (culprit === "source" && n === 1) fail();
          yield n;
        }
      } finally {
        finallies.push("source");
      }
    })
    .each("each", check("each"))
    .through("middle", pass("middle"))
    .each("later", async (n) => check("later")(n))
    .each("wide", async (n) => check("wide")(n), { concurrency: 2 })
    .tap("look", check("look"))
    .through("last", pass("last"))
    .each("end", check("end"));
  for (const run of [() => chain.stream().toArray(), () => chain.call(), () => chain.run()]) {
    finallies.length = 0;
    const error = await failure(run);
    expect(error.path).toEqual(path);
    expect(error.cause).toBe(cause);
    expect(finallies.toSorted()).toEqual(["last", "middle", "source"]);
  }
});

it("names branches of diverter, items of warp, cases, and nodes of a graph", async () => {
  const kind = switchOn((_n: number): "a" | "b" => "a").cases({ a: fail, b: (n) => n });
  const nodes = graph<number>()
    .node("ok", ["$in"], (n) => n)
    .node("bad", ["ok"], async () => fail());
  const cases: [unknown, string[]][] = [
    [
      flow<number>("f")
        .step("d", (n) => ({ x: n, y: n }))
        .step("d2", diverter({ x: (n: number) => n, y: fail })),
      ["f", "d2", "y"],
    ],
    [
      flow<number>("f")
        .step((n) => [n, n])
        .step(
          "w",
          warp(async () => fail()),
        ),
      ["f", "w", "#0"],
    ],
    [flow<number>("f").step("s", kind), ["f", "s", "a"]],
    [
      flow<number>("f").step(
        "t",
        when((n) => n > 0, fail),
      ),
      ["f", "t", "then"],
    ],
    [flow<number>("f").step("g", nodes.out("bad")), ["f", "g", "bad"]],
    [flow<number>("f").step("m", parallel({ a: fail }).merge), ["f", "m", "a"]],
    [
      flow<number>("f").step(
        "one",
        flow<number>("g").nest("two", (inner) => inner.step("three", fail)),
      ),
      ["f", "one", "two", "three"],
    ],
  ];
  for (const [each, path] of cases) {
    const error = await failure(() => (each as { run(n: number): Promise<unknown> }).run(1));
    expect(error.path).toEqual(path);
    expect(error.cause).toBe(cause);
  }
});

it("a combinator called alone is named once", async () => {
  expect((await failure(() => parallel({ a: fail })(1))).path).toEqual(["parallel", "a"]);
  expect((await failure(() => warp(fail)([1]))).path).toEqual(["warp", "#0"]);
});

it("a flow called by hand inside a step keeps its own path behind the step's", async () => {
  const inner = flow("inner").step("deep", fail);
  const outer = flow("outer").step("shallow", () => inner.call());
  const error = await failure(() => outer.call());
  expect(error.path).toEqual(["outer", "shallow", "inner", "deep"]);
  expect(error.cause).toBe(cause);
});

it("a step that throws something that is no Error has it as cause", async () => {
  const odd = { code: 7 };
  const chain = flow("f").step("odd", () => {
    // oxlint-disable-next-line only-throw-error -- what others' code does
    throw odd;
  });
  expect((await failure(() => chain.call())).cause).toBe(odd);
});

it("siblings are closed before the failure is thrown: their signal aborts and their finally has run", async () => {
  const order: string[] = [];
  const patient = async (_n: number, { signal }: { signal: AbortSignal }): Promise<void> => {
    try {
      await new Promise((_resolve, reject) => {
        signal.addEventListener("abort", () => reject(signal.reason as Error));
      });
    } finally {
      await turn();
      order.push("sibling");
    }
  };
  const bad = async (): Promise<never> => {
    await turn();
    return fail();
  };
  for (const combined of [
    parallel({ patient, bad }),
    parallel([patient, bad]),
    flow<number>()
      .step((n) => [n, -n])
      .step(warp((n, context) => (n > 0 ? patient(n, context) : bad()))),
    graph<number>().node("patient", ["$in"], patient).node("bad", [], bad).out(["patient", "bad"]),
  ]) {
    order.length = 0;
    const run = typeof combined === "function" ? combined : combined.call.bind(combined);
    await failure(() => run(1));
    order.push("thrown");
    expect(order).toEqual(["sibling", "thrown"]);
  }
});

it("merge closes the other branches' generators before it fails", async () => {
  const order: string[] = [];
  const merged = parallel({
    good: async function* () {
      try {
        for (let n = 0; ; n += 1) {
          await turn();
          yield n;
        }
      } finally {
        order.push("good closed");
      }
    },
    bad: async function* () {
      await turn();
      await turn();
      yield fail();
    },
  });
  const error = await failure(() => merged.merge(undefined).toArray());
  order.push("thrown");
  expect(error.path).toEqual(["merge", "bad"]);
  expect(order).toEqual(["good closed", "thrown"]);
});

it("a sibling that never looks at its signal does not hold the failure up", async () => {
  const forever = async (): Promise<never> => new Promise<never>(() => undefined);
  const error = await failure(() => parallel({ forever, bad: async () => fail() })(1));
  expect(error.path).toEqual(["parallel", "bad"]);
});

it("a sibling that ignores its signal holds the failure up for closeTimeout at most", async () => {
  const stubborn = async (_n: number, { signal }: { signal: AbortSignal }): Promise<never> => {
    expect(signal.aborted).toBe(false);
    return new Promise<never>(() => undefined);
  };
  const both = flow<number>("f").step("p", parallel({ stubborn, bad: async () => fail() }));
  const error = await failure(() => both.call(1, { closeTimeout: 5 }));
  expect(error.path).toEqual(["f", "p", "bad"]);
});

it("settle reports every branch's end and fails for none", async () => {
  const settled = await parallel(
    { a: async (n: number) => n, b: async () => fail() },
    { settle: true },
  )(1);
  expect(settled.a).toEqual({ status: "fulfilled", value: 1 });
  expect(settled.b).toMatchObject({ status: "rejected", reason: { path: ["b"], cause } });
});
