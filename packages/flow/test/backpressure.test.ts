import { setImmediate as turn } from "node:timers/promises";
import { flow, parallel } from "@lazy/flow";
import { expect, it } from "vitest";

/** A source that counts what it makes. */
function counted(): { made: number; numbers(): AsyncGenerator<number> } {
  const counter = {
    made: 0,
    async *numbers(): AsyncGenerator<number> {
      for (;;) {
        counter.made += 1;
        yield counter.made;
      }
    },
  };
  return counter;
}

/** Everything that would run without a reader has run. */
async function settled(): Promise<void> {
  for (let n = 0; n < 20; n += 1) await turn();
}

it("an unread stream makes nothing, and then one chunk for each that is read", async () => {
  const source = counted();
  const chain = flow()
    .step(() => source.numbers())
    .each((n) => n)
    .through(async function* (numbers) {
      yield* numbers;
    })
    .each(async (n) => n);
  const iterator = chain.stream()[Symbol.asyncIterator]();
  await settled();
  expect(source.made).toBe(0);
  for (let n = 1; n <= 3; n += 1) {
    await iterator.next();
    await settled();
    expect(source.made).toBe(n);
  }
  await iterator.return?.();
});

it("a concurrent each reads at most its concurrency ahead and keeps the order", async () => {
  const source = counted();
  let active = 0;
  let most = 0;
  const chain = flow()
    .step(() => source.numbers())
    .each(
      async (n) => {
        active += 1;
        most = Math.max(most, active);
        for (let wait = n % 4; wait > 0; wait -= 1) await turn();
        active -= 1;
        return n;
      },
      { concurrency: 4 },
    );
  const iterator = chain.stream()[Symbol.asyncIterator]();
  const read: unknown[] = [];
  for (let n = 1; n <= 10; n += 1) {
    read.push((await iterator.next()).value);
    await settled();
    expect(source.made).toBeLessThanOrEqual(n + 4);
  }
  expect(read).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  expect(most).toBe(4);
  await iterator.return?.();
});

it("merge holds each branch at two chunks ahead of its reader", async () => {
  const sources = [counted(), counted(), counted()];
  const merged = parallel(sources.map((source) => () => source.numbers())).merge(undefined);
  const iterator = merged[Symbol.asyncIterator]();
  await iterator.next();
  await settled();
  const made = sources.map((source) => source.made);
  expect(Math.max(...made)).toBeLessThanOrEqual(3);
  expect(made.reduce((sum, n) => sum + n)).toBeLessThanOrEqual(1 + 2 * 3);
  await iterator.return?.();
});

it("merge is fair: no branch waits for more than two chunks of each other one", async () => {
  const endless = (name: string) =>
    async function* (): AsyncGenerator<string> {
      for (;;) yield name;
    };
  const slow = async function* (): AsyncGenerator<string> {
    for (;;) {
      await turn();
      yield "slow";
    }
  };
  const merged = parallel({ a: endless("a"), b: endless("b"), slow }).merge(undefined);
  const chunks: string[] = [];
  for await (const chunk of merged) {
    chunks.push(chunk);
    if (chunks.length % 5 === 0) await turn();
    if (chunks.length === 300) break;
  }
  const counts = { a: 0, b: 0, slow: 0 };
  for (const chunk of chunks) counts[chunk as keyof typeof counts] += 1;
  expect(Math.abs(counts.a - counts.b)).toBeLessThanOrEqual(4);
  expect(counts.slow).toBeGreaterThan(40);
});

it("merge keeps each branch's order and marks chunks when asked", async () => {
  const numbers = async function* (n: number): AsyncGenerator<number> {
    for (let i = 0; i < n; i += 1) {
      if (i % 2 === 0) await turn();
      yield i;
    }
  };
  const both = parallel({ x: numbers, y: numbers, z: (n: number) => -n });
  const chunks = await both.mergeTagged(5).toArray();
  for (const branch of ["x", "y"]) {
    const own = chunks.filter((chunk) => chunk.branch === branch).map(({ value }) => value);
    expect(own).toEqual([0, 1, 2, 3, 4]);
  }
  expect(chunks).toContainEqual({ branch: "z", value: -5 });
});

it("tee gives every reader all chunks and blocks the fastest at its bound", async () => {
  const source = counted();
  const [fast, slow] = flow()
    .step(() => source.numbers())
    .stream()
    .tee(2, { buffer: 3 });
  const quick = fast![Symbol.asyncIterator]();
  const steady = slow![Symbol.asyncIterator]();
  for (let n = 1; n <= 3; n += 1) expect((await quick.next()).value).toBe(n);
  let blocked = true;
  const fourth = quick.next().finally(() => {
    blocked = false;
  });
  await settled();
  expect(blocked).toBe(true);
  expect(source.made).toBe(3);
  expect((await steady.next()).value).toBe(1);
  expect((await fourth).value).toBe(4);
  await quick.return?.();
  expect((await steady.next()).value).toBe(2);
  await steady.return?.();
});

it("tee: a closed reader holds nobody up, the last one closes the source, an error reaches all", async () => {
  let closed = 0;
  const make = flow<number>().step(async function* (end) {
    try {
      for (let n = 0; n < end; n += 1) yield n;
      throw new Error("end");
    } finally {
      closed += 1;
    }
  });
  const [a, b] = make.stream(9).tee(2, { buffer: 2 });
  await a!.close();
  const iterator = b![Symbol.asyncIterator]();
  for (let n = 0; n < 8; n += 1) expect((await iterator.next()).value).toBe(n);
  expect(closed).toBe(0);
  await iterator.return?.();
  expect(closed).toBe(1);

  const [c, d] = make.stream(1).tee();
  const results = await Promise.allSettled([c!.toArray(), d!.toArray()]);
  expect(results.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
});

it("pipeTo waits for a sink that asks to, and closes the stream when the sink throws", async () => {
  const source = counted();
  let finished = false;
  const chain = flow().step(async function* () {
    try {
      yield* source.numbers();
    } finally {
      finished = true;
    }
  });
  let open: (() => void) | undefined;
  const taken: number[] = [];
  const sink = {
    enqueue(n: number): Promise<void> | undefined {
      taken.push(n);
      if (n === 3) throw new Error("full");
      return n === 1
        ? new Promise((resolve) => {
            open = resolve;
          })
        : undefined;
    },
  };
  const piping = chain.stream().pipeTo(sink);
  await settled();
  expect(taken).toEqual([1]);
  expect(source.made).toBe(1);
  open!();
  await expect(piping).rejects.toThrow("full");
  expect(taken).toEqual([1, 2, 3]);
  expect(finished).toBe(true);
});

it("toReadable reads nothing ahead and cancels the flow", async () => {
  const source = counted();
  const readable = flow()
    .step(() => source.numbers())
    .stream()
    .toReadable();
  const reader = readable.getReader();
  await settled();
  expect(source.made).toBe(0);
  expect(await reader.read()).toEqual({ done: false, value: 1 });
  await settled();
  expect(source.made).toBe(1);
  await reader.cancel();
});
