import { getEventListeners } from "node:events";
import { type Message, isQueueError } from "@lazy/fsqueue";
import { describe, expect, test } from "vitest";
import { collectGarbage } from "./fixtures/collect-garbage.ts";
import {
  collect,
  openTestQueue,
  testQueues,
  settle,
  valuesOf,
  onEveryStore,
} from "./fixtures/temporary.ts";

onEveryStore(() => {
  describe("tail", () => {
    test("gives what is there and what comes, and ends when the queue does", async () => {
      const { queue } = await openTestQueue<number>();
      await queue.enqueue(1);
      const reading = collect(queue.tail());
      for (let i = 2; i < 100; i++) queue.tryEnqueue(i);
      await queue.seal();
      expect(await reading).toEqual(Array.from({ length: 99 }, (_, i) => i + 1));
    });

    test("goes on from an offset without losing or repeating a message", async () => {
      const { queue } = await openTestQueue<number>();
      const values = Array.from({ length: 20 }, (_, i) => i);
      await queue.enqueueMany(values);
      await queue.seal();
      for (let left = 0; left <= 20; left++) {
        const seen: Message<number>[] = [];
        const first = queue.tail({ max: 3 });
        for (let i = 0; i < left; i++) {
          const { value } = await first.next();
          if (value !== undefined) seen.push(value);
        }
        await first.return?.();
        const rest = await collect(queue.tail({ from: seen.at(-1)?.offset ?? "start", max: 7 }));
        expect([...valuesOf(seen), ...rest]).toEqual(values);
      }
    });

    test("from now gives what comes after the call, however late it is read", async () => {
      const { queue } = await openTestQueue<number>();
      await queue.enqueue(1);
      const tail = queue.tail({ from: "now" });
      await settle();
      await queue.enqueue(2);
      await queue.seal();
      expect(await collect(tail)).toEqual([2]);
    });

    test("throws how the queue ended, after its messages", async () => {
      const { queue } = await openTestQueue<string>();
      await queue.enqueue("a");
      await queue.seal({ status: "error", name: "RangeError", message: "too far", code: "FAR" });
      const seen: string[] = [];
      const error: unknown = await (async () => {
        for await (const message of queue.tail()) seen.push(message.value);
      })().catch((reason: unknown) => reason);
      expect(seen).toEqual(["a"]);
      expect(error).toMatchObject({
        code: "TAIL_ENDED",
        message: 'The queue "s/q" failed: RangeError: too far',
        details: { ending: { status: "error", code: "FAR" } },
        cause: { name: "RangeError", message: "too far", code: "FAR" },
      });
      expect(isQueueError(error)).toBe(true);
    });

    test("after throwing it is over", async () => {
      const { queue } = await openTestQueue<string>();
      await queue.seal({ status: "aborted" });
      const tail = queue.tail();
      await expect(tail.next()).rejects.toMatchObject({ message: 'The queue "s/q" was aborted' });
      expect(await tail.next()).toEqual({ done: true, value: undefined });
    });

    test("is over after a message that it cannot decode", async () => {
      const { queue, queues } = await openTestQueue<string>();
      await queues.store.append("s/q", [Buffer.from("{"), Buffer.from("1")]);
      const { signal } = new AbortController();
      const tail = queue.tail({ signal });
      await expect(tail.next()).rejects.toMatchObject({ code: "DECODE_FAILED" });
      expect(await tail.next()).toEqual({ done: true, value: undefined });
      expect(getEventListeners(signal, "abort")).toHaveLength(0);
    });

    test("waits on when something happens that is no message", async () => {
      const { queue } = await openTestQueue<number>();
      const { offset } = await queue.enqueue(1);
      const next = queue.tail({ from: "now" }).next();
      await settle();
      await queue.consumer("g").commit(offset);
      await queue.trim(offset);
      await settle();
      await queue.enqueue(2);
      expect((await next).value?.value).toBe(2);
    });

    test("throws when the queue is removed while it waits", async () => {
      const { queue } = await openTestQueue<string>();
      const failure = queue
        .tail()
        .next()
        .catch((error: unknown) => error);
      await settle();
      await queue.delete();
      expect(await failure).toMatchObject({ code: "QUEUE_NOT_FOUND" });
    });

    test("throws when the queues are closed while it waits", async () => {
      const { queue, queues } = await openTestQueue<string>();
      const failure = queue
        .tail()
        .next()
        .catch((error: unknown) => error);
      await settle();
      await queues.close();
      expect(await failure).toMatchObject({ code: "STORE_CLOSED" });
    });

    test("an abort throws the reason and leaves no listener", async () => {
      const { queue } = await openTestQueue<string>();
      const aborter = new AbortController();
      const tail = queue.tail({ signal: aborter.signal });
      const next = tail.next();
      await settle();
      expect(getEventListeners(aborter.signal, "abort")).toHaveLength(1);
      const reason = new Error("enough");
      aborter.abort(reason);
      await expect(next).rejects.toBe(reason);
      expect(getEventListeners(aborter.signal, "abort")).toHaveLength(0);
      expect(await tail.next()).toEqual({ done: true, value: undefined });
    });

    test("an abort between two messages is noticed at the next one", async () => {
      const { queue } = await openTestQueue<number>();
      await queue.enqueueMany([1, 2, 3, 4]);
      const aborter = new AbortController();
      const seen: number[] = [];
      const reading = (async () => {
        for await (const message of queue.tail({ signal: aborter.signal, max: 2 })) {
          seen.push(message.value);
          if (message.value === 1) aborter.abort(new Error("enough"));
        }
      })();
      await expect(reading).rejects.toThrow("enough");
      expect(seen).toEqual([1]);
    });

    test("leaving the loop leaves no listener and nobody who waits", async () => {
      const { queue } = await openTestQueue<number>();
      const { signal } = new AbortController();
      const reading = (async () => {
        for await (const message of queue.tail({ signal })) if (message.value === 2) break;
      })();
      await queue.enqueue(1);
      await settle();
      await queue.enqueue(2);
      await reading;
      expect(getEventListeners(signal, "abort")).toHaveLength(0);
    });

    test("nobody holds a tail that was aborted or left", async () => {
      const { queue, queues } = await openTestQueue<number>();
      const started = () => {
        const aborter = new AbortController();
        const tails = [queue.tail({ signal: aborter.signal }), queue.tail()];
        const nexts = tails.map((tail) => tail.next().catch(() => {}));
        return { aborter, tails, nexts };
      };
      const abandoned = async () => {
        const { aborter, tails, nexts } = started();
        await settle();
        aborter.abort();
        await tails[1]?.return?.();
        await Promise.all(nexts);
        return [...tails, aborter.signal].map((thing) => new WeakRef(thing));
      };
      const things = await abandoned();
      await collectGarbage();
      expect(things.map((thing) => thing.deref())).toEqual([undefined, undefined, undefined]);
      expect(await queues.store.info("s/q")).toBeDefined();
    });

    test("return ends a next that waits", async () => {
      const { queue } = await openTestQueue<number>();
      const { signal } = new AbortController();
      const tail = queue.tail({ signal });
      const next = tail.next();
      await settle();
      expect(await tail.return?.()).toEqual({ done: true, value: undefined });
      expect(await next).toEqual({ done: true, value: undefined });
      expect(await tail.next()).toEqual({ done: true, value: undefined });
      expect(getEventListeners(signal, "abort")).toHaveLength(0);
    });

    test("calls of next that overlap are answered in order", async () => {
      const { queue } = await openTestQueue<number>();
      const tail = queue.tail({ max: 2 });
      const nexts = Array.from({ length: 6 }, () => tail.next());
      await queue.enqueueMany([1, 2, 3]);
      await queue.enqueue(4);
      await queue.enqueue(5);
      await queue.seal();
      const results = await Promise.all(nexts);
      expect(results.map(({ value }) => value?.value)).toEqual([1, 2, 3, 4, 5, undefined]);
    });

    test("a thousand readers of one queue see the same", async () => {
      const { queue } = await openTestQueue<number>();
      const readings = Array.from({ length: 1000 }, () => collect(queue.tail()));
      for (let i = 0; i < 20; i++) await queue.enqueue(i);
      await queue.seal();
      const expected = Array.from({ length: 20 }, (_, i) => i);
      for (const seen of await Promise.all(readings)) expect(seen).toEqual(expected);
    });

    test("batches give as many at a time as there are", async () => {
      const { queue } = await openTestQueue<number>();
      await queue.enqueueMany([1, 2, 3]);
      const batches = queue.batches();
      const first = await batches.next();
      expect(valuesOf(first.value ?? [])).toEqual([1, 2, 3]);
      const second = batches.next();
      await queue.enqueueMany([4, 5]);
      expect(valuesOf((await second).value ?? [])).toEqual([4, 5]);
      const third = batches.next();
      await settle();
      await batches.return?.();
      expect(await third).toEqual({ done: true, value: undefined });
    });
  });

  describe("a tail of several queues", () => {
    test("tags the messages, keeps each queue's order and ends with the last", async () => {
      const { queues } = await testQueues();
      const reply = queues.session("s").queue<string>("reply");
      const trace = queues.session("s").queue<number>("trace");
      await Promise.all([reply.open(), trace.open()]);
      const seen: [string, unknown][] = [];
      const reading = (async () => {
        for await (const message of queues.tail({ reply, trace })) {
          seen.push([message.queue, message.value]);
          if (message.queue === "trace") message.value.toFixed();
        }
      })();
      await reply.enqueue("a");
      await settle();
      await trace.enqueue(1);
      await settle();
      await trace.seal();
      await settle();
      await reply.enqueueMany(["b", "c"]);
      await reply.seal();
      await reading;
      expect(seen).toEqual([
        ["reply", "a"],
        ["trace", 1],
        ["reply", "b"],
        ["reply", "c"],
      ]);
    });

    test("goes on from an offset in each", async () => {
      const { queues } = await testQueues();
      const a = queues.session("s").queue<number>("a");
      const b = queues.session("s").queue<number>("b");
      const { offset } = await a.enqueue(1);
      await a.enqueue(2);
      await b.enqueue(3);
      await Promise.all([a.seal(), b.seal()]);
      const seen = await collect(queues.tail({ a, b }, { from: { a: offset } }));
      expect(seen.toSorted((left, right) => left - right)).toEqual([2, 3]);
    });

    test("one that ends badly does not cut off the others, and is told at the end", async () => {
      const { queues } = await testQueues();
      const a = queues.session("s").queue<number>("a");
      const b = queues.session("s").queue<number>("b");
      await a.enqueue(1);
      await a.seal({ status: "error", message: "broken" });
      await b.enqueue(2);
      const seen: number[] = [];
      const reading = (async () => {
        for await (const message of queues.tail({ a, b })) seen.push(message.value);
      })();
      const failure = reading.catch((error: unknown) => error);
      await settle();
      await b.enqueue(3);
      await b.seal();
      expect(await failure).toMatchObject({ code: "TAIL_ENDED" });
      expect(seen).toEqual([1, 2, 3]);
    });

    test("leaving it, or aborting it, leaves nothing behind", async () => {
      const { queues } = await testQueues();
      const a = queues.session("s").queue<number>("a");
      const b = queues.session("s").queue<number>("b");
      await a.enqueue(1);
      await b.open();
      const aborter = new AbortController();
      for await (const message of queues.tail({ a, b }, { signal: aborter.signal })) {
        expect(message).toMatchObject({ queue: "a", value: 1 });
        break;
      }
      expect(getEventListeners(aborter.signal, "abort")).toHaveLength(0);
      const reading = collect(queues.tail({ a, b }, { signal: aborter.signal }));
      await settle();
      aborter.abort(new Error("enough"));
      await expect(reading).rejects.toThrow("enough");
      expect(getEventListeners(aborter.signal, "abort")).toHaveLength(0);
    });
  });
});
