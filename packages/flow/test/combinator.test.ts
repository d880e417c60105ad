import { setImmediate as turn } from "node:timers/promises";
import { session } from "@lazy/context";
import { flow, parallel, Stream, switchOn, when } from "@lazy/flow";
import { expect, expectTypeOf, it } from "vitest";

const letters = async function* (text: string): AsyncGenerator<string> {
  for (const letter of text) {
    await Promise.resolve();
    yield `${session.tryCurrent()?.id ?? "-"}${letter}`;
  }
};

it("a branch that streams gives a Stream, whose code stays in the session of the run", async () => {
  const both = parallel({ tokens: letters, length: async (text: string) => text.length });
  const { tokens, length } = await session.open({ id: "s" }).run(() => both("ab"));
  expectTypeOf(tokens).toEqualTypeOf<Stream<string>>();
  expect(length).toBe(2);
  expect(await tokens.toArray()).toEqual(["sa", "sb"]);
});

it("the Stream of a branch is closed when a sibling fails, and with the run", async () => {
  let closed = 0;
  const opened = async function* (): AsyncGenerator<number> {
    try {
      for (let n = 0; ; n += 1) yield n;
    } finally {
      closed += 1;
    }
  };
  const seen: number[] = [];
  const reading = flow()
    .step("fan", parallel({ opened, other: async () => 1 }))
    .step("read", async function* ({ opened: numbers }) {
      for await (const n of numbers) yield seen.push(n);
    });
  const iterator = reading.stream()[Symbol.asyncIterator]();
  await iterator.next();
  await iterator.return?.();
  expect(seen).toEqual([0]);
  expect(closed).toBe(1);

  // Begun by its retry, which waits for the first chunk, and then let go of.
  const failing = parallel({
    begun: flow().step(opened, { retry: 1 }),
    bad: async () => {
      for (let n = 0; n < 5; n += 1) await turn();
      throw new Error("bad");
    },
  });
  await expect(failing(undefined)).rejects.toMatchObject({ path: ["parallel", "bad"] });
  expect(closed).toBe(2);
});

it("an error in the Stream of a branch names the branch and the step that read it", async () => {
  const bad = async function* (): AsyncGenerator<number> {
    yield await Promise.reject<number>(new Error("bad"));
  };
  const reading = flow("f")
    .step("fan", parallel({ bad }))
    .step("read", async (streams) => streams.bad.toArray());
  await expect(reading.run()).rejects.toMatchObject({ path: ["f", "read", "bad"] });
});

it("called by hand with a step's context a combinator is a part of that run", async () => {
  let signal: AbortSignal | undefined;
  const inner = parallel({
    a: async (_n: number, context: { signal: AbortSignal; runId: string }) => {
      signal = context.signal;
      return context.runId;
    },
  });
  const outer = flow<number>("outer")
    .step("by hand", async (n, context) => (await inner(n, context)).a)
    .step("wait", async () => new Promise<never>(() => undefined));
  const controller = new AbortController();
  const running = outer.run(1, { runId: "r", signal: controller.signal });
  for (let n = 0; n < 5; n += 1) await turn();
  controller.abort("over");
  await expect(running).rejects.toBe("over");
  expect(signal).toBeInstanceOf(AbortSignal);

  const merged = flow<string>("outer").step("by hand", (text, context) => {
    const stream = parallel([letters, letters]).merge(text, context);
    expect(stream).toBeInstanceOf(Stream);
    return stream;
  });
  expect(await merged.call("x")).toEqual(["-x", "-x"]);
});

it("a combinator called alone gives a Stream when its step streams, at once or later", async () => {
  const now = when((text: string) => text !== "", letters);
  const later = switchOn(async (text: string) => text as "ab").cases({ ab: letters });
  const [first, second] = session.open({ id: "s" }).run(() => [now("ab"), later("ab")]);
  expect(first).toBeInstanceOf(Stream);
  expect(await (first as Stream<string>).toArray()).toEqual(["sa", "sb"]);
  const stream = await second;
  expectTypeOf(stream).toEqualTypeOf<Stream<string>>();
  expect(await stream.toArray()).toEqual(["sa", "sb"]);
});

it("a run follows the caller's signal and the session's, whichever comes first", async () => {
  const hang = flow().step(() => new Promise<never>(() => undefined));
  for (const which of ["caller", "session"] as const) {
    const own = session.open();
    const controller = new AbortController();
    const running = own.run(() => hang.run(undefined, { signal: controller.signal }));
    if (which === "caller") controller.abort("caller");
    else await own.close({ status: "aborted", reason: "session" });
    await expect(running).rejects.toBe(which);
    await own.close();
  }
});

it("more than ten each in a row, waiting or not, run in order and name the one that fails", async () => {
  const numbers = flow<number>("f").step(function* (n) {
    yield n;
  });
  for (const [count, waiting] of [
    [9, 3],
    [12, 9],
    [25, 10],
    [25, 24],
    [31, -1],
  ] as const) {
    let chain = numbers.each((n): number | Promise<number> => n);
    for (let at = 0; at < count; at += 1) {
      chain = chain.each((n) => (at === waiting ? Promise.resolve(n + 1) : n + 1));
    }
    expect(await chain.call(0)).toEqual([count]);
    expect(await chain.stream(0).toArray()).toEqual([count]);
    const failing = chain
      .each("bad", () => {
        throw new Error("bad");
      })
      .each((n) => n);
    await expect(failing.run(0)).rejects.toMatchObject({ path: ["f", "bad"] });
    const rejecting = chain.each("worse", () => Promise.reject(new Error("bad")));
    await expect(rejecting.stream(0).toArray()).rejects.toMatchObject({ path: ["f", "worse"] });
  }
});

it("closing a stream that was never read runs nothing and settles", async () => {
  let ran = 0;
  const counted = flow().step(function* () {
    ran += 1;
    yield 1;
  });
  await counted.stream().close();
  {
    await using stream = counted.stream();
    expect(stream).toBeInstanceOf(Stream);
  }
  const left = counted.stream();
  await expect(left.throw(new Error("mine"))).rejects.toThrow("mine");
  expect(ran).toBe(0);
});
