import type { Followable, Message } from "@lazy/fsqueue";
import { describe, expect, test } from "vitest";
import { onEveryStore, settle, testQueues } from "./fixtures/temporary.ts";

/** Gives these batches one by one, then waits until it is left. */
function followable(...batches: number[][]): { source: Followable; asked: () => number } {
  let asked = 0;
  const done = { done: true, value: undefined } as const;
  let leave = (): void => {};
  const left = new Promise<typeof done>((resolve) => {
    leave = () => resolve(done);
  });
  const iterator: AsyncIterableIterator<readonly Message<number>[]> = {
    async next() {
      const values = batches[asked];
      asked += 1;
      if (values === undefined) return left;
      return { done: false, value: values.map((value) => ({ offset: "0", value, time: 0 })) };
    },
    async return() {
      leave();
      return done;
    },
    [Symbol.asyncIterator]: () => iterator,
  };
  return { source: { batches: () => iterator }, asked: () => asked };
}

onEveryStore(() => {
  describe("a tail of several queues", () => {
    test("asks a queue for more only when what it gave is used up", async () => {
      const { queues } = await testQueues();
      const { source, asked } = followable([1, 2], [3]);
      const tail = queues.tail({ source });
      for (const [value, times] of [
        [1, 1],
        [2, 1],
        [3, 2],
      ] as const) {
        expect((await tail.next()).value).toMatchObject({ queue: "source", value });
        await settle();
        expect(asked()).toBe(times);
      }
      await tail.return?.();
    });

    test("that is left gives nothing more, not even to who waits already", async () => {
      const { queues } = await testQueues();
      const { source } = followable([1, 2]);
      const other = queues.session("s").queue<number>("other");
      await other.open();
      const tail = queues.tail({ source, other });
      await tail.next();
      const done = { done: true, value: undefined };
      expect(await tail.return?.()).toEqual(done);
      expect(await tail.next()).toEqual(done);
      const again = queues.tail({ other });
      const waiting = again.next();
      await settle();
      await again.return?.();
      expect(await waiting).toEqual(done);
      expect(await again.next()).toEqual(done);
    });

    test("that is left is over, also when a queue fails as it is left", async () => {
      const { queues } = await testQueues();
      const { source } = followable([1]);
      const failing = followable().source.batches();
      failing.next = () => Promise.reject(new Error("gone"));
      const tail = queues.tail({ source, failing: { batches: () => failing } });
      const first = tail.next();
      await tail.return?.();
      const done = { done: true, value: undefined };
      expect(await first).toEqual(done);
      expect(await tail.next()).toEqual(done);
    });

    test("tells the first of several bad ends, once", async () => {
      const { queues } = await testQueues();
      const [a, b] = [queues.session("s").queue("a"), queues.session("s").queue("b")];
      await Promise.all([a.open(), b.open()]);
      const tail = queues.tail({ a, b });
      const failure = tail.next().catch((error: unknown) => error);
      await settle();
      await b.seal({ status: "error", message: "first" });
      await settle();
      await a.seal({ status: "error", message: "second" });
      expect(await failure).toMatchObject({ cause: { message: "first" } });
      expect(await tail.next()).toEqual({ done: true, value: undefined });
    });
  });
});
