import { AsyncLocalStorage } from "node:async_hooks";
import { session } from "@lazy/context";
import { flow } from "@lazy/flow";
import { expect, it } from "vitest";

/** Not ours: whatever else a server keeps in async context must survive as well. */
const foreign = new AsyncLocalStorage<string>();

interface Seen {
  wrong: number;
  finallies: Map<string, number>;
}

/** A generator layer that checks its session at every step. */
function layer(name: string, seen: Seen, check: () => string) {
  return async function* (chunks: AsyncIterable<number>): AsyncGenerator<number> {
    try {
      for await (const chunk of chunks) {
        check();
        await Promise.resolve();
        check();
        yield chunk + 1;
        check();
      }
    } finally {
      const key = `${check()} ${name}`;
      seen.finallies.set(key, (seen.finallies.get(key) ?? 0) + 1);
    }
  };
}

it("1,000 sessions × 4 layers with foreign consumers and 5 % early return: no wrong context, each finally once", async () => {
  const seen: Seen = { wrong: 0, finallies: new Map() };
  const check = (): string => {
    const id = session.tryCurrent()?.id ?? "none";
    if (foreign.getStore() !== `foreign ${id}`) seen.wrong += 1;
    return id;
  };
  const numbers = async function* (id: string): AsyncGenerator<number> {
    try {
      for (let n = 0; n < 10; n += 1) {
        if (check() !== id) seen.wrong += 1;
        if (n % 3 === 0) await Promise.resolve();
        yield n;
      }
    } finally {
      const key = `${check()} source`;
      seen.finallies.set(key, (seen.finallies.get(key) ?? 0) + 1);
    }
  };
  const layers = flow<string>("storm")
    .step("source", numbers)
    .through(layer("second", seen, check))
    .through(layer("third", seen, check))
    .through(layer("fourth", seen, check))
    .each((n, { input }) => {
      if (check() !== input) seen.wrong += 1;
      return `${input}:${n}`;
    });

  const total = 1000;
  const opened = Array.from({ length: total }, (_, index) => {
    const own = session.open({ id: `s${index}` });
    const stream = foreign.run(`foreign s${index}`, () => own.run(() => layers.stream(own.id)));
    return { own, stream };
  });
  const read = async (index: number): Promise<void> => {
    const { own, stream } = opened[index]!;
    const early = index % 20 === 7;
    let expected = 3;
    for await (const chunk of stream) {
      expect(chunk).toBe(`${own.id}:${expected}`);
      expected += 1;
      if (early && expected === 6) break;
    }
    expect(expected).toBe(early ? 6 : 13);
  };
  // Everybody reads his neighbour's stream, from the neighbour's session.
  await Promise.all(
    opened.map((_, index) => {
      const other = opened[(index + 1) % total]!.own;
      return foreign.run("foreign elsewhere", () => other.run(() => read(index)));
    }),
  );

  expect(seen.wrong).toBe(0);
  expect(seen.finallies.size).toBe(total * 4);
  expect(new Set(seen.finallies.values())).toEqual(new Set([1]));
  await Promise.all(opened.map(({ own }) => own.close()));
});

it("five overlapping next() from five sessions come in order, in the creator's session", async () => {
  const ids: string[] = [];
  const count = flow<number>().step("count", async function* (n) {
    for (let i = 0; i < n; i += 1) {
      await Promise.resolve();
      ids.push(session.current().id);
      yield i;
    }
  });
  const stream = session.run({ id: "creator" }, () => count.stream(5));
  const iterator = stream[Symbol.asyncIterator]();
  const answers = await Promise.all(
    Array.from({ length: 6 }, (_, i) => session.run({ id: `reader ${i}` }, () => iterator.next())),
  );
  expect(answers.map(({ value, done }) => (done ? "done" : value))).toEqual([
    0,
    1,
    2,
    3,
    4,
    "done",
  ]);
  expect(new Set(ids)).toEqual(new Set(["creator"]));
});

it("a stream that is a session's result keeps the session open until it is drained", async () => {
  const who = flow<number>().step("who", async function* (n) {
    for (let i = 0; i < n; i += 1) yield `${session.current().id}:${i}`;
  });
  let own: { disposed: boolean } | undefined;
  const stream = session.run({ id: "a" }, (opened) => {
    own = opened;
    return who.stream(2);
  });
  expect(own).toMatchObject({ disposed: false });
  expect(await session.run({ id: "b" }, () => stream.toArray())).toEqual(["a:0", "a:1"]);
  expect(own).toMatchObject({ disposed: true });
});

it("a session that is aborted ends its runs with its reason", async () => {
  const reason = new Error("enough");
  const hang = flow().step("hang", async (_none, { signal }) => {
    await new Promise((_resolve, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason as Error));
    });
  });
  const own = session.open();
  const running = own.run(() => hang.run());
  await own.close({ status: "aborted", reason });
  await expect(running).rejects.toBe(reason);
});

it("a run works outside any session and keeps the plain async context", async () => {
  const seen: unknown[] = [];
  const letters = flow().step("letters", async function* () {
    seen.push(foreign.getStore());
    yield "a";
    seen.push(foreign.getStore());
  });
  const stream = foreign.run("here", () => letters.stream());
  expect(await foreign.run("there", () => stream.toArray())).toEqual(["a"]);
  expect(seen).toEqual(["here", "here"]);
});
