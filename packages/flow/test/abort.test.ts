import { getEventListeners } from "node:events";
import { setImmediate as turn } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { flow, parallel, warp } from "@lazy/flow";
import { expect, it } from "vitest";

setFlagsFromString("--expose-gc");
const gc = runInNewContext("gc") as () => void;

const never = <T>(): Promise<T> => new Promise<T>(() => undefined);

const silent = flow("silent").step("source", async function* () {
  await never();
  yield 1;
});

it("an abort on a source that never answers rejects with the same reason at once", async () => {
  const reasons = [new Error("why"), "text", { any: "object" }];
  for (const reason of reasons) {
    for (const make of [silent, silent.each((n) => n), silent.through((numbers) => numbers)]) {
      const controller = new AbortController();
      const reading = make.stream(undefined, { signal: controller.signal }).toArray();
      await turn();
      controller.abort(reason);
      await expect(reading).rejects.toBe(reason);
    }
    const controller = new AbortController();
    const calling = silent.collect().call(undefined, { signal: controller.signal });
    controller.abort(reason);
    await expect(calling).rejects.toBe(reason);
  }
});

it("an abort ends steps, branches and items that never answer", async () => {
  const reason = new Error("stop");
  const hang = async (): Promise<number> => never();
  const flows = [
    flow<number>().step(hang),
    flow<number>().step(parallel({ a: hang, b: (n) => n })),
    flow<number>()
      .step((n) => [n, n])
      .step(warp(hang)),
    flow<number>().nest("in", (inner) => inner.step(hang)),
  ];
  for (const each of flows) {
    const controller = new AbortController();
    const running = each.run(1, { signal: controller.signal });
    controller.abort(reason);
    await expect(running).rejects.toBe(reason);
  }
});

it("a signal aborted before the start rejects with its reason and runs nothing", async () => {
  let ran = 0;
  const counted = flow<number>()
    .step((n) => (ran += 1) + n)
    .step(async function* (n) {
      yield n;
    });
  const signal = AbortSignal.abort("before");
  await expect(counted.run(1, { signal })).rejects.toBe("before");
  await expect(counted.stream(1, { signal }).toArray()).rejects.toBe("before");
  const sync = flow<number>().step((n) => (ran += 1) + n);
  expect(() => sync.call(1, { signal })).toThrow(expect.toSatisfy((error) => error === "before"));
  expect(ran).toBe(0);
});

it("an abort between two chunks is reported by the next read, and only once", async () => {
  const controller = new AbortController();
  const numbers = flow().step(async function* () {
    for (let n = 0; ; n += 1) yield n;
  });
  const iterator = numbers.stream(undefined, { signal: controller.signal })[Symbol.asyncIterator]();
  expect(await iterator.next()).toEqual({ done: false, value: 0 });
  controller.abort("meanwhile");
  await expect(iterator.next()).rejects.toBe("meanwhile");
  expect(await iterator.next()).toEqual({ done: true, value: undefined });
});

it("an abort reaches ctx.signal with the same reason and runs every finally once", async () => {
  const seen: unknown[] = [];
  const chain = flow()
    .step("source", async function* (_none, { signal }) {
      try {
        yield 1;
        await new Promise((_resolve, reject) => {
          signal.addEventListener("abort", () => reject(signal.reason as Error));
        });
      } finally {
        seen.push("source", signal.reason);
      }
    })
    .through("second", async function* (numbers) {
      try {
        yield* numbers;
      } finally {
        seen.push("second");
      }
    });
  const controller = new AbortController();
  const reading = chain.stream(undefined, { signal: controller.signal }).toArray();
  await turn();
  controller.abort("over");
  await expect(reading).rejects.toBe("over");
  await turn();
  expect(seen).toEqual(expect.arrayContaining(["source", "over", "second"]));
  expect(seen).toHaveLength(3);
});

it("an aborted call stops a source that pays no attention, and closes it once", async () => {
  let made = 0;
  let closed = 0;
  const endless = flow()
    .step("source", async function* () {
      try {
        for (;;) {
          await turn();
          made += 1;
          yield made;
        }
      } finally {
        closed += 1;
      }
    })
    .collect();
  const controller = new AbortController();
  const running = endless.run(undefined, { signal: controller.signal });
  await turn();
  controller.abort("enough");
  await expect(running).rejects.toBe("enough");
  for (let n = 0; n < 5; n += 1) await turn();
  const after = made;
  for (let n = 0; n < 5; n += 1) await turn();
  expect(made).toBe(after);
  expect(closed).toBe(1);
});

it("a later step that leaves closes the stream behind a through that has no return of its own", async () => {
  let closed = 0;
  const chain = flow()
    .step("source", async function* () {
      try {
        for (let n = 0; ; n += 1) yield n;
      } finally {
        closed += 1;
      }
    })
    .through((numbers): AsyncIterable<number> => {
      const iterator = numbers[Symbol.asyncIterator]();
      return { [Symbol.asyncIterator]: () => ({ next: () => iterator.next() }) };
    })
    .through(async function* (numbers) {
      for await (const n of numbers) {
        yield n;
        break;
      }
      yield -1;
    });
  const iterator = chain.stream()[Symbol.asyncIterator]();
  expect((await iterator.next()).value).toBe(0);
  expect((await iterator.next()).value).toBe(-1);
  expect(closed).toBe(1);
  await iterator.return?.();
  expect(closed).toBe(1);
});

it("return() during a pending next() settles both, aborting ctx.signal first", async () => {
  const order: string[] = [];
  const chain = flow().step("source", async function* (_none, { signal }) {
    signal.addEventListener("abort", () => order.push("signal"));
    try {
      yield 1;
      await new Promise<void>((resolve) => {
        signal.addEventListener("abort", () => resolve());
      });
    } finally {
      order.push("finally");
    }
  });
  const iterator = chain.stream()[Symbol.asyncIterator]();
  await iterator.next();
  const pending = iterator.next();
  expect(await iterator.return?.("last")).toEqual({ done: true, value: "last" });
  expect(await pending).toEqual({ done: true, value: undefined });
  expect(order).toEqual(["signal", "finally"]);
});

it("return() is bounded in time by closeTimeout, whatever the generator awaits", async () => {
  const iterator = silent.stream(undefined, { closeTimeout: 5 })[Symbol.asyncIterator]();
  const pending = iterator.next();
  expect(await iterator.return?.()).toEqual({ done: true, value: undefined });
  expect(await pending).toEqual({ done: true, value: undefined });
});

it("a finally that throws on the way out rejects return() with its step's path", async () => {
  const chain = flow("f").step("source", async function* () {
    try {
      yield 1;
    } finally {
      // oxlint-disable-next-line no-unsafe-finally -- what users do
      throw new Error("in finally");
    }
  });
  const iterator = chain.stream()[Symbol.asyncIterator]();
  await iterator.next();
  await expect(iterator.return?.()).rejects.toMatchObject({ path: ["f", "source"] });
});

const double = flow<number>()
  .step("slow", async (n) => n * 2)
  .step("stream", async function* (n) {
    yield n;
    yield n;
  })
  .each((n) => n + 1);

it.each([
  ["one signal", (signal: AbortSignal) => signal],
  ["AbortSignal.any of it", (signal: AbortSignal) => AbortSignal.any([signal])],
])("10,000 runs on %s leave no listener and a flat heap", async (_name, derive) => {
  const { signal } = new AbortController();
  const round = async (runs: number): Promise<void> => {
    for (let run = 0; run < runs; run += 1) {
      const own = derive(signal);
      const chunks =
        run % 2 === 0
          ? await double.call(run, { signal: own })
          : await double.stream(run, { signal: own }).toArray();
      if (chunks.length !== 2) throw new Error("wrong");
      if (run % 500 === 499) {
        await turn();
        if (getEventListeners(own, "abort").length > 0) throw new Error("listener left");
      }
    }
  };
  await round(1000);
  gc();
  const before = process.memoryUsage().heapUsed;
  await round(10_000);
  await turn();
  expect(getEventListeners(signal, "abort")).toHaveLength(0);
  gc();
  await turn();
  gc();
  // Node 20 keeps about 100 bytes for each AbortSignal.any itself; a run kept alive is over 1,000.
  expect((process.memoryUsage().heapUsed - before) / 10_000).toBeLessThan(400);
});
