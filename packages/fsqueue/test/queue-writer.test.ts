import { getEventListeners } from "node:events";
import { session } from "@lazy/context";
import { type Queues, type Store, QueueError } from "@lazy/fsqueue";
import { describe, expect, test } from "vitest";
import { onEveryStore, settle, testQueues, valuesOf } from "./fixtures/temporary.ts";

async function openQueue(options = {}) {
  const { queues } = await testQueues();
  const queue = queues.session("s").queue<number>("q", options);
  await queue.open();
  return { queues, queue, values: async () => valuesOf((await queue.read()).messages) };
}

const lost = (): QueueError => new QueueError("STORE_FAILED", "the disk went away");

/** Holds the next call of this method up until `release`; it rejects with the error, if one is given. */
function holdNext(store: Store, method: "append" | "open") {
  const original = store[method].bind(store) as (...call: unknown[]) => Promise<unknown>;
  let release = (_error: Error | undefined): void => {};
  const released = new Promise<Error | undefined>((resolve) => {
    release = resolve;
  });
  const calls: unknown[][] = [];
  const held = async (...call: unknown[]): Promise<unknown> => {
    calls.push(call);
    Object.assign(store, { [method]: original });
    const error = await released;
    if (error !== undefined) throw error;
    return original(...call);
  };
  Object.assign(store, { [method]: held });
  return { calls, release: (error?: Error) => release(error) };
}

async function endingOf(queues: Queues): Promise<unknown> {
  return (await queues.session("s").queue("q").info())?.ending;
}

onEveryStore(() => {
  describe("what tryEnqueue has under way", () => {
    test("is waited for by flush", async () => {
      const { queue, queues, values } = await openQueue();
      const { calls, release } = holdNext(queues.store, "append");
      queue.tryEnqueue(1);
      await expect.poll(() => calls.length).toBe(1);
      let flushed = false;
      const flushing = queue.flush().then(() => (flushed = true));
      await settle();
      expect(flushed).toBe(false);
      release();
      await flushing;
      expect(await values()).toEqual([1]);
    });

    test("is overtaken by no call: after its loss nothing is appended", async () => {
      const { queue, queues, values } = await openQueue();
      const { calls, release } = holdNext(queues.store, "append");
      queue.tryEnqueue(1);
      await expect.poll(() => calls.length).toBe(1);
      const behind = queue.enqueue(2).catch((error: unknown) => error);
      release(lost());
      expect(await behind).toMatchObject({ code: "STORE_FAILED" });
      await queue.enqueue(3);
      expect(await values()).toEqual([3]);
    });

    test("is told by enqueue, when it was lost and nobody stood in line", async () => {
      const { queue, queues, values } = await openQueue();
      const { release } = holdNext(queues.store, "append");
      queue.tryEnqueue(1);
      release(lost());
      await settle();
      await expect(queue.enqueue(2)).rejects.toMatchObject({ code: "STORE_FAILED" });
      await queue.enqueue(3);
      expect(await values()).toEqual([3]);
    });

    test("is told by the queues' flush, when it was lost and nobody asked the queue", async () => {
      const { queue, queues, values } = await openQueue();
      const { release } = holdNext(queues.store, "append");
      queue.tryEnqueue(1);
      release(lost());
      await settle();
      await expect(queues.flush()).rejects.toMatchObject({ code: "STORE_FAILED" });
      await queues.session("s").queue<number>("q").enqueue(2);
      expect(await values()).toEqual([2]);
    });

    test("counts as sent once it was lost, with all that stood behind it", async () => {
      const { queue, queues } = await openQueue();
      const text = "x".repeat(200_000) as unknown as number;
      const { calls, release } = holdNext(queues.store, "append");
      queue.tryEnqueue(text);
      await expect.poll(() => calls.length).toBe(1);
      expect(queue.tryEnqueue(text)).toBe(false);
      release(lost());
      await expect(queue.flush()).rejects.toMatchObject({ code: "STORE_FAILED" });
      expect(queue.tryEnqueue(text)).toBe(true);
      await queue.flush();
    });

    test("goes to the store in batches of some 256 KiB", async () => {
      const { queue, queues } = await openQueue();
      const { store } = queues;
      const append = store.append.bind(store);
      const batches: number[] = [];
      store.append = (name, batch, options) => {
        batches.push(batch.length);
        return append(name, batch, options);
      };
      const text = "x".repeat(100_000) as unknown as number;
      for (let n = 0; n < 10; n += 1) queue.tryEnqueue(text);
      await queue.flush();
      expect(batches).toEqual([3, 3, 3, 1]);
    });
  });

  describe("handles of one queue", () => {
    test("keep the order of the calls when each has been used before", async () => {
      const { queue, queues, values } = await openQueue();
      const other = queues.session("s").queue<number>("q");
      for (const value of [1, 2, 3, 4]) await (value % 2 === 1 ? queue : other).enqueue(value);
      queue.tryEnqueue(5);
      await other.enqueue(6);
      await queue.flush();
      expect(await values()).toEqual([1, 2, 3, 4, 5, 6]);
    });

    test("own no queue any more when the sessions that did have ended", async () => {
      const { queues } = await testQueues();
      const byId = queues.session("s").queue<number>("q");
      const sessions = [session.open({ id: "s" }), session.open({ id: "s" })];
      for (const one of sessions) await queues.session(one).queue<number>("q").enqueue(1);
      await byId.enqueue(2);
      for (const one of sessions) await one.close();
      await queues.store.remove("s/q");
      await byId.enqueue(3);
      expect(await byId.info()).toMatchObject({ owned: false, messages: 1 });
    });
  });

  describe("a session whose queue is being written from outside", () => {
    async function writtenFromOutside(options = {}) {
      const { queues, clock } = await testQueues();
      const outside = queues.session("s").queue<number>("q", options);
      const opened = session.open({ id: "s" });
      const inside = queues.session(opened).queue<number>("q");
      return { queues, clock, outside, inside, opened };
    }

    test("comes after what is unsent, and before what follows", async () => {
      const { outside, inside, opened } = await writtenFromOutside();
      outside.tryEnqueue(1);
      const second = outside.enqueue(2);
      inside.tryEnqueue(3);
      const fourth = inside.enqueue(4);
      outside.tryEnqueue(5);
      const sixth = outside.enqueue(6);
      await Promise.all([second, fourth, sixth]);
      outside.tryEnqueue(7);
      await inside.enqueue(8);
      inside.tryEnqueue(9);
      await outside.enqueue(10);
      expect(valuesOf((await outside.read()).messages)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
      await opened.close();
      await expect(outside.enqueue(11)).rejects.toMatchObject({ code: "QUEUE_SEALED" });
    });

    test("is told what was lost before it", async () => {
      const { queues, outside, inside, opened } = await writtenFromOutside();
      const { release } = holdNext(queues.store, "open");
      outside.tryEnqueue(1);
      inside.tryEnqueue(2);
      release(lost());
      await expect(inside.flush()).rejects.toMatchObject({ code: "STORE_FAILED" });
      await inside.enqueue(3);
      await queues.flush();
      expect(valuesOf((await outside.read()).messages)).toEqual([3]);
      await opened.close();
      await expect(outside.enqueue(4)).rejects.toMatchObject({ code: "QUEUE_SEALED" });
    });

    test("does not wait for room when it is aborted", async () => {
      const options = { maxMessages: 1, whenFull: "block" };
      const { queues, clock, outside, inside, opened } = await writtenFromOutside(options);
      await outside.enqueue(1);
      outside.tryEnqueue(2);
      const behind = inside.enqueue(3).catch((error: unknown) => error);
      await settle();
      await opened.close({ status: "aborted", reason: undefined });
      expect(await behind).toMatchObject({ code: "QUEUE_FULL" });
      expect(await endingOf(queues)).toEqual({ status: "aborted" });
      clock.advance(250);
      await expect(queues.flush()).rejects.toMatchObject({ code: "QUEUE_SEALED" });
    });

    test("by a producer: goes before what comes later, and is flushed with it", async () => {
      const options = { maxMessages: 1, whenFull: "block" } as const;
      const { queues, outside, opened } = await writtenFromOutside(options);
      const inside = queues.session(opened).queue<number>("q", options);
      await outside.open();
      const producer = outside.producer("p");
      await inside.enqueue(1);
      const second = producer.enqueue(2);
      await settle();
      let flushed = false;
      const flushing = queues.flush().then(() => (flushed = true));
      outside.tryEnqueue(3);
      const fourth = inside.enqueue(4);
      await settle();
      expect(flushed).toBe(false);
      for (const value of [1, 2, 3, 4]) {
        expect(valuesOf(await inside.dequeue(1, { wait: true }))).toEqual([value]);
        await settle();
      }
      await Promise.all([second, fourth, flushing]);
      await opened.close();
    });

    test("may take what the writer outside waits for", async () => {
      const options = { maxMessages: 1, whenFull: "block" };
      const { outside, inside, opened } = await writtenFromOutside(options);
      await outside.enqueue(1);
      outside.tryEnqueue(2);
      const behind = inside.enqueue(3);
      expect(valuesOf(await inside.dequeue(1))).toEqual([1]);
      expect(valuesOf(await inside.dequeue(1, { wait: true }))).toEqual([2]);
      await behind;
      expect(valuesOf(await inside.dequeue(1))).toEqual([3]);
      await opened.close();
    });

    test("by a second session with its id: each is told of its own, both are flushed", async () => {
      const { queues, inside, opened } = await writtenFromOutside();
      const second = session.open({ id: "s" });
      await inside.enqueue(1);
      holdNext(queues.store, "append").release(lost());
      inside.tryEnqueue(2);
      await settle();
      await queues.session(second).queue<number>("q").enqueue(3);
      await expect(inside.flush()).rejects.toMatchObject({ code: "STORE_FAILED" });
      const { calls, release } = holdNext(queues.store, "append");
      inside.tryEnqueue(4);
      await expect.poll(() => calls.length).toBe(1);
      const flushing = queues.flush().catch((error: unknown) => error);
      release(lost());
      expect(await flushing).toMatchObject({ code: "STORE_FAILED" });
      const { messages } = await queues.store.read("s/q", "start");
      expect(messages.map(({ data }) => Buffer.from(data).toString())).toEqual(["1", "3"]);
      await second.close();
      await opened.close();
    });
  });

  describe("an opening", () => {
    test("that failed is tried again by the next call", async () => {
      const { queues } = await testQueues();
      const queue = queues.session("s").queue<number>("q");
      const { release } = holdNext(queues.store, "open");
      const first = queue.enqueue(1);
      release(lost());
      await expect(first).rejects.toMatchObject({ code: "STORE_FAILED" });
      await queue.enqueue(2);
      expect(valuesOf((await queue.read()).messages)).toEqual([2]);
    });

    test("that is under way when the session ends is waited for, and the queue sealed", async () => {
      const { queues } = await testQueues();
      const { calls, release } = holdNext(queues.store, "open");
      const opened = session.open({ id: "s" });
      const opening = opened.run(() => queues.queue("q").open());
      await expect.poll(() => calls.length).toBe(1);
      const closing = opened.close();
      await settle();
      release();
      await Promise.all([opening, closing]);
      expect(await endingOf(queues)).toEqual({ status: "ok" });
    });

    test("of a session that only made a handle is none: it leaves no queue behind", async () => {
      const { queues } = await testQueues();
      const opened = session.open({ id: "s" });
      await opened.run(() => queues.queue("q").info());
      expect(await opened.close()).toEqual({ status: "ok" });
      expect(await queues.store.info("s/q")).toBeUndefined();
    });
  });

  describe("a call that stands in line", () => {
    test("comes after those before it, however many there are", async () => {
      const { queues } = await testQueues();
      const queue = queues.session("s").queue<number>("q");
      const values = Array.from({ length: 3000 }, (_, i) => i);
      await Promise.all(values.map((value) => queue.enqueue(value)));
      expect(valuesOf(await queue.dequeue(3000))).toEqual(values);
    });

    test("is not made after its signal has aborted", async () => {
      const { queue, queues, values } = await openQueue();
      const { calls, release } = holdNext(queues.store, "append");
      queue.tryEnqueue(1);
      await expect.poll(() => calls.length).toBe(1);
      const aborter = new AbortController();
      const behind = queue.enqueue(2, { signal: aborter.signal });
      aborter.abort(new Error("enough"));
      await expect(behind).rejects.toThrow("enough");
      release();
      await queue.enqueue(3);
      expect(await values()).toEqual([1, 3]);
    });

    test("leaves no listener, done or refused", async () => {
      const { queue, queues } = await openQueue({ maxMessages: 1 });
      const { signal } = new AbortController();
      const { calls, release } = holdNext(queues.store, "append");
      queue.tryEnqueue(1);
      await expect.poll(() => calls.length).toBe(1);
      const behind = queue.enqueue(2, { signal }).catch((error: unknown) => error);
      expect(getEventListeners(signal, "abort")).toHaveLength(1);
      release();
      expect(await behind).toMatchObject({ code: "QUEUE_FULL" });
      expect(getEventListeners(signal, "abort")).toHaveLength(0);
    });
  });

  describe("writers that block", () => {
    test("go one after the other: none overtakes the one that waits for room", async () => {
      const { queue, values } = await openQueue({ maxMessages: 2, whenFull: "block" });
      await queue.enqueueMany([1, 2]);
      const both = queue.enqueueMany([3, 4]);
      const one = queue.enqueue(5);
      await settle();
      await queue.dequeue(1);
      await settle();
      expect(await values()).toEqual([2]);
      await queue.dequeue(1);
      await both;
      expect(await values()).toEqual([3, 4]);
      await queue.dequeue(2);
      await one;
      expect(await values()).toEqual([5]);
    });

    test("are told at once of what is no lack of room", async () => {
      const { queue, queues } = await openQueue({ whenFull: "block" });
      holdNext(queues.store, "append").release(new RangeError("broken"));
      await expect(queue.enqueue(1)).rejects.toThrow(new RangeError("broken"));
    });

    test("of a session that is aborted while the store refuses let go", async () => {
      const { queues } = await testQueues();
      const reply = queues.queue<number>("q", { maxMessages: 1, whenFull: "block" });
      const opened = session.open({ id: "s" });
      await opened.run(() => reply.enqueue(1));
      const { store } = queues;
      const append = store.append.bind(store);
      let closing: Promise<unknown> | undefined;
      store.append = async (...call) => {
        try {
          return await append(...call);
        } catch (error) {
          closing ??= opened.close({ status: "aborted", reason: new Error("stopped") });
          await settle();
          throw error;
        }
      };
      opened.run(() => reply.tryEnqueue(2));
      await expect.poll(() => closing).toBeDefined();
      await closing;
      expect(await endingOf(queues)).toMatchObject({ status: "aborted", message: "stopped" });
    });

    test("of an aborted session let go, those with a signal of their own too", async () => {
      const { queues } = await testQueues();
      const reply = queues.queue<number>("q", { maxMessages: 1, whenFull: "block" });
      const opened = session.open({ id: "s" });
      const { signal } = new AbortController();
      await opened.run(() => reply.enqueue(1));
      const blocked = opened
        .run(() => reply.enqueue(2, { signal }))
        .catch((error: unknown) => error);
      await settle();
      const reason = new Error("stopped");
      await opened.close({ status: "aborted", reason });
      expect(await blocked).toBe(reason);
      expect(await endingOf(queues)).toMatchObject({ status: "aborted" });
    });
  });
});
