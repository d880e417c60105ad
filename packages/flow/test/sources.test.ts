import { Readable } from "node:stream";
import { flow, type Stream } from "@lazy/flow";
import { expect, expectTypeOf, it } from "vitest";

const iterable = (): AsyncIterable<number> => ({
  [Symbol.asyncIterator]() {
    let n = 0;
    return {
      next: () =>
        Promise.resolve(
          n < 3 ? { done: false, value: (n += 1) } : { done: true, value: undefined },
        ),
    };
  },
});

async function leaveAfterOne(stream: Stream<unknown>): Promise<void> {
  const iterator = stream[Symbol.asyncIterator]();
  await iterator.next();
  await iterator.return?.();
}

const sources: [string, () => unknown][] = [
  [
    "a generator",
    function* () {
      yield* [1, 2, 3];
    },
  ],
  [
    "an async generator",
    async function* () {
      yield* [1, 2, 3];
    },
  ],
  ["an iterator", () => [1, 2, 3].values()],
  ["an async iterable", iterable],
  ["a promise of an async iterable", async () => iterable()],
  ["a ReadableStream", () => ReadableStream.from([1, 2, 3])],
  [
    "a reader-only web stream",
    () => {
      const stream = ReadableStream.from([1, 2, 3]);
      return { getReader: () => stream.getReader() };
    },
  ],
  ["a Node Readable", () => Readable.from([1, 2, 3])],
  [
    "a stream of another flow",
    () =>
      flow()
        .step(function* () {
          yield* [1, 2, 3];
        })
        .stream(),
  ],
];

it.each(sources)("%s is a stream", async (_name, make) => {
  const chain = flow()
    .step(make as () => AsyncIterable<number>)
    .each((n) => n * 2);
  expect(await chain.stream().toArray()).toEqual([2, 4, 6]);
  expect(await chain.call()).toEqual([2, 4, 6]);
});

it("arrays, strings, maps and typed arrays are values", () => {
  for (const value of [[1], "text", new Map([[1, 2]]), new Uint8Array(2), null]) {
    expect(
      flow()
        .step(() => value)
        .call(),
    ).toBe(value);
  }
  expectTypeOf(
    flow()
      .step(() => [1])
      .call(),
  ).toEqualTypeOf<number[]>();
});

it("a web stream is cancelled and a Node stream destroyed when the reader leaves", async () => {
  let cancelled = 0;
  const web = flow()
    .step(
      () =>
        new ReadableStream<number>({
          pull: (c) => c.enqueue(1),
          cancel: () => {
            cancelled += 1;
          },
        }),
    )
    .stream();
  await leaveAfterOne(web);
  expect(cancelled).toBe(1);

  const node = Readable.from(iterable());
  await leaveAfterOne(
    flow()
      .step(() => node)
      .stream(),
  );
  expect(node.destroyed).toBe(true);
});

it("a Node stream that was opened but not read is destroyed as well", async () => {
  const node = Readable.from(iterable());
  const opened = flow()
    .step(() => node)
    .through(async function* (chunks) {
      yield 0;
      yield* chunks;
    });
  await leaveAfterOne(opened.stream());
  expect(node.destroyed).toBe(true);
});

it("a stream that fails fails the run with the step's name", async () => {
  const node = (): Readable =>
    Readable.from(
      (async function* () {
        yield 1;
        throw new Error("socket");
      })(),
    );
  await expect(flow("f").step("read", node).run()).rejects.toMatchObject({
    path: ["f", "read"],
    message: "f › read: socket",
  });
});

it("a stream flow is a step of a stream flow", async () => {
  const words = flow<string>("words").step(async function* (text) {
    yield* text.split(" ");
  });
  const shout = flow<string>()
    .step("words", words)
    .each((word) => word.toUpperCase());
  expect(await shout.call("a b")).toEqual(["A", "B"]);
});

it("a step after a stream may take the stream itself", async () => {
  const chain = flow()
    .step(async function* () {
      yield* [1, 2, 3];
    })
    .step("sum", async (numbers) => {
      let sum = 0;
      for await (const n of numbers) sum += n;
      return sum;
    });
  expectTypeOf(chain.call()).toEqualTypeOf<Promise<number>>();
  expect(await chain.call()).toBe(6);
});
