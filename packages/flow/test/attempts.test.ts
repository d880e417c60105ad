import { setImmediate as turn } from "node:timers/promises";
import { flow, FlowError } from "@lazy/flow";
import { afterEach, beforeEach, expect, expectTypeOf, it } from "vitest";

const unhandled: unknown[] = [];
const note = (error: unknown): unknown => unhandled.push(error);
beforeEach(() => {
  unhandled.length = 0;
  process.on("unhandledRejection", note);
});
afterEach(() => {
  process.off("unhandledRejection", note);
});

const never = <T>(): Promise<T> => new Promise<T>(() => undefined);

it("a step that does not answer in time fails with STEP_TIMEOUT and its own signal aborts", async () => {
  let own: AbortSignal | undefined;
  const slow = flow("f").step(
    "slow",
    async (_none, { signal }) => {
      own = signal;
      return never<number>();
    },
    { timeout: 5 },
  );
  await expect(slow.call()).rejects.toMatchObject({ code: "STEP_TIMEOUT", path: ["f", "slow"] });
  expect(own?.aborted).toBe(true);
  expect(own?.reason).toMatchObject({ code: "STEP_TIMEOUT" });
});

it("a late result of a timed-out attempt is ignored without an unhandled rejection", async () => {
  const late: ((error?: Error) => void)[] = [];
  const slow = flow("f").step(
    "slow",
    async (_none, { attempt }) => {
      if (attempt === 3) return "third";
      await new Promise<void>((resolve, reject) => {
        late.push((error) => (error === undefined ? resolve() : reject(error)));
      });
      return "late";
    },
    { timeout: 5, retry: 2 },
  );
  expect(await slow.call()).toBe("third");
  late[0]!();
  late[1]!(new Error("too late"));
  await turn();
  await turn();
  expect(unhandled).toEqual([]);
});

it("a late stream of a timed-out attempt is closed", async () => {
  let deliver: (() => void) | undefined;
  let closed = 0;
  const stream = {
    [Symbol.asyncIterator]: () => ({
      next: () => Promise.resolve({ done: false as const, value: 1 }),
      return: () => {
        closed += 1;
        return Promise.resolve({ done: true as const, value: undefined });
      },
    }),
  };
  const opened = flow("f").step(
    "open",
    async () => {
      await new Promise<void>((resolve) => {
        deliver = resolve;
      });
      return stream;
    },
    { timeout: 5 },
  );
  await expect(opened.run()).rejects.toMatchObject({ code: "STEP_TIMEOUT" });
  deliver!();
  await turn();
  expect(closed).toBe(1);
});

it("a failing step is tried again, as often and as long as said, after the delays said", async () => {
  const attempts: number[] = [];
  const delays: number[] = [];
  const flaky = (fails: number) =>
    flow<number>("f").step(
      "flaky",
      (n, { attempt }) => {
        attempts.push(attempt);
        if (attempt <= fails) throw new Error(`attempt ${attempt}`);
        return n;
      },
      {
        retry: {
          attempts: 3,
          delay: (attempt) => delays.push(attempt) && 1,
          when: ({ cause }) => !(cause as Error).message.includes("hopeless"),
        },
      },
    );
  expect(await flaky(2).call(7)).toBe(7);
  expect(attempts).toEqual([1, 2, 3]);
  expect(delays).toEqual([2, 3]);
  await expect(flaky(3).call(7)).rejects.toMatchObject({ message: "f › flaky: attempt 3" });
  const hopeless = flow("f").step(
    "x",
    () => {
      attempts.length = 0;
      throw new Error("hopeless");
    },
    { retry: { attempts: 5, when: ({ message }) => !message.includes("hopeless") } },
  );
  await expect(hopeless.call()).rejects.toThrow("hopeless");
  expect(attempts).toEqual([]);
});

it("a fallback answers when all attempts have failed, and is given the error", async () => {
  let given: FlowError | undefined;
  const saved = flow<number>("f").step(
    "bad",
    async (n): Promise<string> => {
      throw new Error(`no ${n}`);
    },
    {
      retry: 1,
      fallback: (error, n, { input }) => {
        given = error;
        return `${n} of ${input}`;
      },
    },
  );
  expectTypeOf(saved.call(1)).toEqualTypeOf<Promise<string>>();
  expect(await saved.call(1)).toBe("1 of 1");
  expect(given).toMatchObject({ code: "STEP_FAILED", path: ["bad"] });
});

it("a stream is retried and replaced before its first chunk only", async () => {
  let opened = 0;
  const make = (failAt: number) =>
    flow("f").step(
      "llm",
      async function* (_none, { attempt }) {
        opened += 1;
        for (let n = 0; n < 3; n += 1) {
          if (n === failAt && attempt < 3) throw new Error(`at ${n}`);
          yield `${attempt}.${n}`;
        }
      },
      { retry: 2 },
    );
  expect(await make(0).call()).toEqual(["3.0", "3.1", "3.2"]);
  expect(opened).toBe(3);
  opened = 0;
  const seen: string[] = [];
  const failing = make(1)
    .stream()
    .forEach((chunk) => seen.push(chunk));
  await expect(failing).rejects.toMatchObject({ path: ["f", "llm"], message: "f › llm: at 1" });
  expect(seen).toEqual(["1.0"]);
  expect(opened).toBe(1);

  const replaced = flow("f").step(
    "llm",
    async function* (): AsyncGenerator<string> {
      yield await Promise.reject<string>(new Error("down"));
    },
    {
      async *fallback(error) {
        expect(error).toMatchObject({ path: ["llm"], message: "llm: down" });
        yield "sorry";
      },
    },
  );
  expect(await replaced.stream().toArray()).toEqual(["sorry"]);
});

it("a stream's timeout holds for each chunk", async () => {
  const chain = flow("f").step(
    "llm",
    async function* () {
      yield 1;
      await never();
    },
    { timeout: 5 },
  );
  const iterator = chain.stream(undefined, { closeTimeout: 5 })[Symbol.asyncIterator]();
  expect(await iterator.next()).toEqual({ done: false, value: 1 });
  await expect(iterator.next()).rejects.toMatchObject({ code: "STEP_TIMEOUT", path: ["f", "llm"] });
});

it("an abort ends the wait between attempts at once and is not retried", async () => {
  let attempts = 0;
  const controller = new AbortController();
  const chain = flow("f").step(
    "bad",
    () => {
      attempts += 1;
      throw new Error("no");
    },
    { retry: { attempts: 9, delay: 1_000_000 } },
  );
  const running = chain.run(undefined, { signal: controller.signal });
  controller.abort("stop");
  await expect(running).rejects.toBe("stop");
  expect(attempts).toBe(1);
});

it("each has attempts of its own per chunk", async () => {
  const failed = new Set<number>();
  const chain = flow()
    .step(function* () {
      yield* [1, 2, 3];
    })
    .each(
      "flaky",
      async (n) => {
        if (failed.has(n)) return n * 10;
        failed.add(n);
        throw new Error("first");
      },
      { retry: 1, concurrency: 2 },
    );
  expect(await chain.call()).toEqual([10, 20, 30]);
});
