import { bytesCodec, isQueueError } from "@lazy/fsqueue";
import { describe, expect, test } from "vitest";
import { collect, testQueues, settle, valuesOf, onEveryStore } from "./fixtures/temporary.ts";

async function openQueue<T>(options = {}) {
  const { queues, clock } = await testQueues();
  return { queues, clock, queue: queues.session("s").queue<T>("q", options) };
}

onEveryStore(() => {
  describe("enqueue", () => {
    test("messages come out in the order of the calls, whichever of them is used", async () => {
      const { queue } = await openQueue<number>();
      const done = [queue.enqueue(1), queue.enqueueMany([2, 3])];
      queue.tryEnqueue(4);
      queue.tryEnqueue(5);
      done.push(queue.enqueue(6));
      queue.tryEnqueue(7);
      await Promise.all(done);
      await queue.flush();
      expect(valuesOf(await queue.dequeue(10))).toEqual([1, 2, 3, 4, 5, 6, 7]);
    });

    test("the order holds between two handles of one queue", async () => {
      const { queue, queues } = await openQueue<number>();
      const other = queues.session("s").queue<number>("q");
      queue.tryEnqueue(1);
      const second = other.enqueue(2);
      queue.tryEnqueue(3);
      other.tryEnqueue(4);
      await second;
      await other.flush();
      expect(valuesOf(await queue.dequeue(10))).toEqual([1, 2, 3, 4]);
    });

    test("tryEnqueue puts the messages of one moment into one append", async () => {
      const { queue, queues } = await openQueue<number>();
      await queue.open();
      const { store } = queues;
      const batches: number[] = [];
      const append = store.append.bind(store);
      store.append = (name, batch, options) => {
        batches.push(batch.length);
        return append(name, batch, options);
      };
      for (let i = 0; i < 50; i++) queue.tryEnqueue(i);
      await queue.flush();
      expect(batches).toEqual([50]);
    });

    test("tryEnqueue says when too much is unsent, and takes it all the same", async () => {
      const { queue } = await openQueue<string>();
      const large = "x".repeat(100_000);
      expect([1, 2, 3].map(() => queue.tryEnqueue(large))).toEqual([true, true, false]);
      await queue.flush();
      expect(queue.tryEnqueue(large)).toBe(true);
      await queue.flush();
      expect(await queue.size()).toBe(4);
    });

    test("what tryEnqueue lost is told once, and nothing follows before", async () => {
      const { queue } = await openQueue<number>({ maxMessages: 2 });
      await queue.open();
      for (const value of [1, 2, 3]) queue.tryEnqueue(value);
      await settle();
      expect(() => queue.tryEnqueue(4)).toThrow(expect.objectContaining({ code: "QUEUE_FULL" }));
      expect(await queue.size()).toBe(0);
      for (const value of [1, 2, 3]) queue.tryEnqueue(value);
      await expect(queue.flush()).rejects.toMatchObject({ code: "QUEUE_FULL" });
      await queue.flush();
      queue.tryEnqueue(5);
      await queue.flush();
      expect(valuesOf(await queue.dequeue(9))).toEqual([5]);
    });

    test("seal tells what tryEnqueue lost and leaves the queue open", async () => {
      const { queue } = await openQueue<number>({ maxMessages: 1 });
      queue.tryEnqueue(1);
      queue.tryEnqueue(2);
      await expect(queue.seal()).rejects.toMatchObject({ code: "QUEUE_FULL" });
      expect((await queue.info())?.ending).toBeUndefined();
      await queue.seal();
      expect((await queue.info())?.ending).toEqual({ status: "ok" });
    });

    test("seal comes after what was tried before it", async () => {
      const { queue } = await openQueue<number>();
      for (const value of [1, 2, 3]) queue.tryEnqueue(value);
      await queue.seal({ status: "ok" }, { messages: [4] });
      expect(await collect(queue.tail())).toEqual([1, 2, 3, 4]);
    });

    test("closing the queues appends what is unsent, and tells what was lost", async () => {
      const { queue, queues } = await openQueue<number>({ maxMessages: 1 });
      queue.tryEnqueue(1);
      queue.tryEnqueue(2);
      await expect(queues.close()).rejects.toMatchObject({ code: "QUEUE_FULL" });
      await expect(queue.size()).rejects.toMatchObject({ code: "STORE_CLOSED" });
    });

    test("a message over the store's limit is refused at once", async () => {
      const { queue, queues } = await openQueue<string>();
      const text = "x".repeat(queues.store.capabilities.maxMessageBytes);
      await expect(queue.enqueue(text)).rejects.toMatchObject({ code: "MESSAGE_TOO_LARGE" });
      expect(() => queue.tryEnqueue(text)).toThrow(
        expect.objectContaining({ code: "MESSAGE_TOO_LARGE" }),
      );
    });

    test("what cannot be encoded is MESSAGE_INVALID, with the cause", async () => {
      const { queue } = await openQueue<unknown>();
      await expect(queue.enqueue(1n)).rejects.toMatchObject({
        code: "MESSAGE_INVALID",
        cause: expect.any(TypeError),
      });
      await expect(queue.enqueue(undefined)).rejects.toMatchObject({ code: "MESSAGE_INVALID" });
      expect(() => queue.tryEnqueue(() => 1)).toThrow(
        expect.objectContaining({ code: "MESSAGE_INVALID" }),
      );
      await expect(queue.enqueueMany([])).rejects.toThrow(TypeError);
      expect(await queue.info()).toBeUndefined();
    });

    test("receipts carry the offset and when it is durable", async () => {
      const { queue } = await openQueue<string>();
      const receipt = await queue.enqueue("a", { durable: true });
      await receipt.durable;
      const [message] = (await queue.read()).messages;
      expect(message?.offset).toBe(receipt.offset);
      await expect(
        queue.enqueue("b", { expect: (await queue.info())?.head ?? "" }),
      ).rejects.toMatchObject({
        code: "OFFSET_CONFLICT",
      });
    });
  });

  describe("a full queue", () => {
    test("refuses by default", async () => {
      const { queue } = await openQueue<number>({ maxMessages: 1 });
      await queue.enqueue(1);
      await expect(queue.enqueue(2)).rejects.toMatchObject({
        code: "QUEUE_FULL",
        details: { limit: "maxMessages", most: 1, would: 2 },
      });
    });

    test("blocks the writer until a reader has made room, if asked to", async () => {
      const { queue } = await openQueue<number>({ maxMessages: 2, whenFull: "block" });
      const written: number[] = [];
      const writing = (async () => {
        for (let i = 0; i < 6; i++) {
          await queue.enqueue(i);
          written.push(i);
        }
        await queue.seal();
      })();
      await settle();
      expect(written).toEqual([0, 1]);
      const read: number[] = [];
      for (;;) {
        const messages = await queue.dequeue(1, { wait: true });
        if (messages.length === 0) break;
        read.push(...valuesOf(messages));
        expect(await queue.size()).toBeLessThanOrEqual(2);
      }
      await writing;
      expect(read).toEqual([0, 1, 2, 3, 4, 5]);
    });

    test("lets a blocked writer in when it is trimmed or cleared", async () => {
      const { queue } = await openQueue<number>({ maxMessages: 1, whenFull: "block" });
      const { offset } = await queue.enqueue(1);
      const second = queue.enqueue(2);
      await settle();
      await queue.trim(offset);
      await second;
      const third = queue.enqueue(3);
      await settle();
      await queue.clear();
      await third;
      expect(valuesOf(await queue.dequeue(9))).toEqual([3]);
    });

    test("blocks what was tried, which flush waits for", async () => {
      const { queue } = await openQueue<number>({ maxMessages: 3, whenFull: "block" });
      for (let i = 0; i < 10; i++) queue.tryEnqueue(i);
      const read: number[] = [];
      const flushed = queue.flush();
      while (read.length < 10) read.push(...valuesOf(await queue.dequeue(2, { wait: true })));
      await flushed;
      expect(read).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    });

    test("refuses what could never fit", async () => {
      const { queue } = await openQueue<number>({ maxMessages: 2, whenFull: "block" });
      await expect(queue.enqueueMany([1, 2, 3])).rejects.toMatchObject({ code: "QUEUE_FULL" });
    });

    test("lets go of a blocked writer whose signal aborts, and of those behind it", async () => {
      const { queue } = await openQueue<number>({ maxMessages: 1, whenFull: "block" });
      await queue.enqueue(1);
      const first = new AbortController();
      const second = new AbortController();
      const blocked = queue.enqueue(2, { signal: first.signal });
      const behind = queue.enqueue(3, { signal: second.signal });
      const last = queue.enqueue(4);
      await settle();
      second.abort(new Error("second"));
      await expect(behind).rejects.toThrow("second");
      first.abort(new Error("first"));
      await expect(blocked).rejects.toThrow("first");
      await queue.dequeue(1);
      await last;
      expect(valuesOf(await queue.dequeue(9))).toEqual([4]);
    });

    test("lets a writer in that is refused just before room is made", async () => {
      const { queue, queues } = await openQueue<number>({ maxMessages: 1, whenFull: "block" });
      await queue.enqueue(1);
      const { store } = queues;
      const append = store.append.bind(store);
      store.append = async (...call) => {
        try {
          return await append(...call);
        } catch (error) {
          store.append = append;
          await queue.dequeue(1);
          throw error;
        }
      };
      await queue.enqueue(2);
      expect(valuesOf(await queue.dequeue(1))).toEqual([2]);
    });

    test("is looked at again when messages were dropped past the handles", async () => {
      const { queue, queues, clock } = await openQueue<number>({
        maxMessages: 1,
        whenFull: "block",
      });
      await queue.enqueue(1);
      const blocked = queue.enqueue(2);
      await settle();
      await queues.store.take("s/q", 1);
      clock.advance(250);
      await blocked;
      expect(valuesOf(await queue.dequeue(9))).toEqual([2]);
    });
  });

  describe("dequeue and its kin", () => {
    test("LazyLLM's five: enqueue, dequeue, peek, size, clear", async () => {
      const { queue } = await openQueue<string>();
      await queue.enqueueMany(["a", "b", "c"]);
      expect(await queue.size()).toBe(3);
      expect((await queue.peek())?.value).toBe("a");
      expect(valuesOf(await queue.dequeue(2))).toEqual(["a", "b"]);
      expect(await queue.clear()).toBe(1);
      expect(await queue.size()).toBe(0);
      expect(await queue.peek()).toBeUndefined();
      expect(await queue.dequeue(5)).toEqual([]);
    });

    test("dequeue waits for a message", async () => {
      const { queue } = await openQueue<string>();
      await queue.open();
      const waiting = queue.dequeue(5, { wait: true });
      await queue.enqueue("a");
      expect(valuesOf(await waiting)).toEqual(["a"]);
    });

    test("several who wait get each message once", async () => {
      const { queue } = await openQueue<number>();
      await queue.open();
      const taken: number[] = [];
      const takers = Array.from({ length: 5 }, async () => {
        for (;;) {
          const messages = await queue.dequeue(2, { wait: true });
          if (messages.length === 0) return;
          taken.push(...valuesOf(messages));
        }
      });
      for (let i = 0; i < 50; i++) await queue.enqueue(i);
      await queue.seal();
      await Promise.all(takers);
      expect(taken.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, i) => i));
    });

    test("dequeue that waits rejects when the queue ended badly, after its messages", async () => {
      const { queue } = await openQueue<string>();
      await queue.enqueue("a");
      await queue.seal({ status: "error", name: "RangeError", message: "too far", code: "FAR" });
      expect(valuesOf(await queue.dequeue(5, { wait: true }))).toEqual(["a"]);
      await expect(queue.dequeue(5, { wait: true })).rejects.toMatchObject({ code: "TAIL_ENDED" });
      expect(await queue.dequeue(5)).toEqual([]);
    });

    test("takes nothing for a signal that has aborted already", async () => {
      const { queue } = await openQueue<string>();
      await queue.enqueue("a");
      const signal = AbortSignal.abort(new Error("enough"));
      await expect(queue.dequeue(1, { signal })).rejects.toThrow("enough");
      await expect(queue.consumer("g").read(1, { signal })).rejects.toThrow("enough");
      const leased = queue.consumer("g", { visibilityMs: 60_000 });
      await expect(leased.receive(1, { signal })).rejects.toThrow("enough");
      expect(valuesOf(await leased.receive())).toEqual(["a"]);
      expect(await queue.size()).toBe(1);
    });

    test("dequeue is aborted by its signal", async () => {
      const { queue } = await openQueue<string>();
      await queue.open();
      const aborter = new AbortController();
      const waiting = queue.dequeue(1, { wait: true, signal: aborter.signal });
      await settle();
      aborter.abort(new Error("enough"));
      await expect(waiting).rejects.toThrow("enough");
    });

    test("read goes on from an offset, and tells the end", async () => {
      const { queue } = await openQueue<number>();
      await queue.enqueueMany([1, 2, 3]);
      const first = await queue.read("start", { limit: 2 });
      expect(valuesOf(first.messages)).toEqual([1, 2]);
      expect(first.atEnd).toBe(false);
      await queue.seal();
      const rest = await queue.read(first.next);
      expect(valuesOf(rest.messages)).toEqual([3]);
      expect(rest).toMatchObject({ atEnd: true, ending: { status: "ok" } });
      expect(await queue.trim(first.next)).toBe(2);
    });

    test("a queue that was deleted is made anew by the next write", async () => {
      const { queue, queues } = await openQueue<number>();
      const other = queues.session("s").queue<number>("q");
      await queue.enqueue(1);
      await other.enqueue(2);
      expect(await queue.delete()).toBe(true);
      await queue.enqueue(3);
      queue.tryEnqueue(4);
      await queue.flush();
      expect(valuesOf((await other.read()).messages)).toEqual([3, 4]);
      await other.delete();
      await expect(queue.enqueue(5)).rejects.toMatchObject({ code: "QUEUE_NOT_FOUND" });
      expect(await queue.open()).toMatchObject({ messages: 0 });
      await queue.enqueue(6);
      expect(await queue.open()).toMatchObject({ messages: 1 });
    });

    test("reading a queue of another session that is not there is an error, and creates none", async () => {
      const { queue, queues } = await openQueue<number>();
      const calls = [
        () => queue.size(),
        () => queue.peek(),
        () => queue.dequeue(1),
        () => queue.clear(),
        () => queue.read(),
        () => queue.tail().next(),
        () => queue.consumer("g").read(),
      ];
      for (const call of calls)
        await expect(call()).rejects.toMatchObject({ code: "QUEUE_NOT_FOUND" });
      expect(await queue.info()).toBeUndefined();
      expect(await queue.delete()).toBe(false);
      expect((await queues.store.stats()).queues).toBe(0);
    });

    test("bytes and foreign messages: a codec that cannot read them says so", async () => {
      const { queues } = await testQueues();
      const bytes = queues.session("s").queue("q", { codec: bytesCodec() });
      await bytes.enqueue(Uint8Array.of(123));
      expect((await bytes.peek())?.value).toEqual(Uint8Array.of(123));
      const json = queues.session("s").queue("q");
      const error: unknown = await json.peek().catch((reason: unknown) => reason);
      expect(isQueueError(error, "DECODE_FAILED")).toBe(true);
      expect(() => bytes.tryEnqueue("text" as unknown as Uint8Array)).toThrow(/Uint8Array/);
    });
  });
});
