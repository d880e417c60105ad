import { createMemoryStore, openQueues } from "@lazy/fsqueue";
import { describe, expect, test } from "vitest";
import { collectGarbage } from "./fixtures/collect-garbage.ts";
import { onEveryStore, settle, openTestQueue, testQueues, valuesOf } from "./fixtures/temporary.ts";

const done = { done: true, value: undefined };

onEveryStore(() => {
  describe("a tail", () => {
    test("that nobody reads tells no one that its queue is not there", async () => {
      const { queues } = await testQueues();
      const tail = queues.session("s").queue("q").tail({ from: "now" });
      await settle();
      await expect(tail.next()).rejects.toMatchObject({ code: "QUEUE_NOT_FOUND" });
    });

    test("waits on when a consumer gives back a message that it was given already", async () => {
      const { queue, queues } = await openTestQueue<number>();
      const { offset } = await queue.enqueue(1);
      const [held] = await queue.consumer("g", { visibilityMs: 60_000 }).receive();
      const next = queue.tail({ from: offset }).next();
      await settle();
      await held?.release();
      await queues.store.leases?.release("s/q", "g", [held?.offset ?? ""]);
      await settle();
      await queue.enqueue(2);
      expect((await next).value?.value).toBe(2);
    });

    test("tells calls that overlap of a bad end once", async () => {
      const { queue } = await openTestQueue<number>();
      const tail = queue.tail();
      const nexts = [tail.next(), tail.next(), tail.next()];
      const outcomes = Promise.allSettled(nexts);
      await settle();
      await queue.seal({ status: "error", message: "broken" });
      expect(await outcomes).toMatchObject([
        { status: "rejected", reason: { code: "TAIL_ENDED" } },
        { status: "fulfilled", value: done },
        { status: "fulfilled", value: done },
      ]);
    });

    test("that was aborted is held by nobody, though it is not asked again", async () => {
      const { queue } = await openTestQueue<number>();
      const aborted = async (): Promise<WeakRef<object>> => {
        const aborter = new AbortController();
        const tail = queue.tail({ signal: aborter.signal });
        const next = tail.next();
        await settle();
        await queue.enqueue(1);
        await next;
        aborter.abort();
        return new WeakRef(tail);
      };
      const tail = await aborted();
      await collectGarbage();
      expect(tail.deref()).toBeUndefined();
    });
  });

  describe("a tail in batches", () => {
    test("gives at most as many at a time as it was asked for", async () => {
      const { queue } = await openTestQueue<number>();
      await queue.enqueueMany([1, 2, 3, 4, 5]);
      await queue.seal();
      const sizes: number[] = [];
      for await (const batch of queue.batches({ max: 2 })) sizes.push(batch.length);
      expect(sizes).toEqual([2, 2, 1]);
    });

    test("that is left after a batch does not tell of the bad end behind it", async () => {
      const { queue } = await openTestQueue<number>();
      await queue.enqueue(1);
      await queue.seal({ status: "error", message: "broken" });
      const batches = queue.batches();
      expect(valuesOf((await batches.next()).value ?? [])).toEqual([1]);
      await batches.return?.();
      expect(await batches.next()).toEqual(done);
    });
  });
});

test("a tail that is aborted while its store is read tells so, and not how its queue ended", async () => {
  const store = createMemoryStore();
  Object.defineProperty(store, "follow", { value: undefined });
  await using queues = await openQueues({ store });
  const queue = queues.session("s").queue("q");
  await queue.seal({ status: "error", message: "broken" });
  const aborter = new AbortController();
  const read = store.read.bind(store);
  store.read = async (...call) => {
    const result = await read(...call);
    aborter.abort(new Error("enough"));
    return result;
  };
  await expect(queue.tail({ signal: aborter.signal }).next()).rejects.toThrow("enough");
});
