import { getEventListeners } from "node:events";
import { describe, expect, test } from "vitest";
import { testQueues, settle, valuesOf, onEveryStore } from "./fixtures/temporary.ts";

async function withMessages(...values: number[]) {
  const { queues, clock } = await testQueues();
  const queue = queues.session("s").queue<number>("q");
  await queue.open();
  if (values.length > 0) await queue.enqueueMany(values);
  return { queue, queues, clock };
}

onEveryStore(() => {
  describe("a consumer", () => {
    test("reads on from where its group committed", async () => {
      const { queue } = await withMessages(1, 2, 3, 4);
      const first = queue.consumer("g");
      expect(valuesOf(await first.read(1))).toEqual([1]);
      await first.commit();
      expect(valuesOf(await first.read(2))).toEqual([2, 3]);
      const second = queue.consumer("g");
      expect(valuesOf(await second.read())).toEqual([2, 3, 4]);
      expect(await queue.size()).toBe(4);
      expect(valuesOf(await queue.consumer("other").read(1))).toEqual([1]);
    });

    test("commits a position of its choice", async () => {
      const { queue } = await withMessages(1, 2, 3);
      const consumer = queue.consumer("g");
      const [first] = await consumer.read();
      await consumer.commit(first?.offset);
      expect(await consumer.position()).toBe(first?.offset);
      expect(valuesOf(await queue.consumer("g").read())).toEqual([2, 3]);
    });

    test("commits what is committed already without a call of the store", async () => {
      const { queue, queues } = await withMessages(1);
      const { cursors } = queues.store;
      const set = cursors.set.bind(cursors);
      let calls = 0;
      Object.assign(cursors, {
        set(...call: Parameters<typeof set>) {
          calls += 1;
          return set(...call);
        },
      });
      const consumer = queue.consumer("g");
      const [first] = await consumer.read();
      await consumer.commit();
      await consumer.commit();
      await consumer.commit(first?.offset);
      expect(calls).toBe(1);
    });

    test("is told when another of its group moved the cursor, and reads on from there", async () => {
      const { queue } = await withMessages(1, 2, 3);
      const [one, two] = [queue.consumer("g"), queue.consumer("g")];
      await one.read(1);
      await two.read(2);
      await two.commit();
      await expect(one.commit()).rejects.toMatchObject({ code: "CURSOR_CONFLICT" });
      expect(valuesOf(await one.read())).toEqual([3]);
      await one.commit();
      expect(await two.position()).toBe(await one.position());
    });

    test("waits for messages, and for the end", async () => {
      const { queue } = await withMessages();
      const consumer = queue.consumer("g");
      const waiting = consumer.read(5, { wait: true });
      await settle();
      await queue.enqueue(1);
      expect(valuesOf(await waiting)).toEqual([1]);
      const end = consumer.read(5, { wait: true });
      await queue.seal();
      expect(await end).toEqual([]);
      expect(await consumer.read(5, { wait: true })).toEqual([]);
      const aborter = new AbortController();
      const { queue: open } = await withMessages();
      const aborted = open.consumer("g").read(1, { wait: true, signal: aborter.signal });
      await settle();
      aborter.abort(new Error("enough"));
      await expect(aborted).rejects.toThrow("enough");
    });

    test("leaves no listener, whether there was a message or none", async () => {
      const { queue } = await withMessages();
      const { signal } = new AbortController();
      const leased = queue.consumer("workers", { visibilityMs: 1000 });
      const waiting = [
        queue.consumer("g").read(1, { wait: true, signal }),
        leased.receive(1, { wait: true, signal }),
      ];
      await settle();
      expect(getEventListeners(signal, "abort").length).toBeGreaterThan(0);
      await queue.enqueue(1);
      expect((await Promise.all(waiting)).map((messages) => messages.length)).toEqual([1, 1]);
      expect(getEventListeners(signal, "abort")).toHaveLength(0);
    });

    test("rejects when the queue ended badly", async () => {
      const { queue } = await withMessages(1);
      const consumer = queue.consumer("g");
      await consumer.read();
      await queue.seal({ status: "error", message: "broken" });
      await expect(consumer.read(1, { wait: true })).rejects.toMatchObject({ code: "TAIL_ENDED" });
    });

    test("is followed like a tail, committing in the loop", async () => {
      const { queue } = await withMessages(1, 2, 3);
      const consumer = queue.consumer("g");
      for await (const message of consumer) {
        await consumer.commit();
        if (message.value === 2) break;
      }
      await queue.seal();
      const rest: number[] = [];
      for await (const message of queue.consumer("g")) rest.push(message.value);
      expect(rest).toEqual([3]);
    });
  });

  describe("a consumer with leases", () => {
    test("shares the messages with others of its group", async () => {
      const { queue } = await withMessages(1, 2, 3, 4);
      const [one, two] = [1, 2].map(() => queue.consumer("g", { visibilityMs: 1000 }));
      expect(valuesOf((await one?.receive(2)) ?? [])).toEqual([1, 2]);
      expect(valuesOf((await two?.receive(9)) ?? [])).toEqual([3, 4]);
      expect(await one?.receive()).toEqual([]);
    });

    test("gets again what was not acknowledged in time, until it is dead", async () => {
      const { queue, clock } = await withMessages(1);
      const consumer = queue.consumer("g", { visibilityMs: 1000, maxDeliveries: 2 });
      const [first] = await consumer.receive();
      expect(first?.deliveries).toBe(1);
      const waiting = consumer.receive(1, { wait: true });
      await settle();
      clock.advance(1000);
      const [second] = await waiting;
      expect(second).toMatchObject({ value: 1, deliveries: 2 });
      clock.advance(1000);
      expect(await consumer.receive()).toEqual([]);
      const [dead] = await consumer.dead();
      expect(dead).toMatchObject({ value: 1, deliveries: 2 });
      await dead?.acknowledge();
      expect(await consumer.dead()).toEqual([]);
    });

    test("waits for what another gives back", async () => {
      const { queue } = await withMessages(1);
      const consumer = queue.consumer("g", { visibilityMs: 60_000 });
      const [held] = await consumer.receive();
      const waiting = consumer.receive(1, { wait: true });
      await settle();
      await held?.release();
      expect(valuesOf(await waiting)).toEqual([1]);
    });

    test("waits for what is given back past the handles", async () => {
      const { queue, queues } = await withMessages(1);
      const consumer = queue.consumer("g", { visibilityMs: 60_000 });
      const [held] = await consumer.receive();
      const waiting = consumer.receive(1, { wait: true });
      await settle();
      await queues.store.leases?.release("s/q", "g", [held?.offset ?? ""]);
      expect(valuesOf(await waiting)).toEqual([1]);
    });

    test("waits for new messages, and ends when the queue has and all is done", async () => {
      const { queue } = await withMessages(1);
      const seen: number[] = [];
      const consuming = (async () => {
        for await (const message of queue.consumer("g", { visibilityMs: 1000 })) {
          seen.push(message.value);
          await message.acknowledge();
        }
      })();
      await settle();
      await queue.enqueue(2);
      await expect.poll(() => seen).toEqual([1, 2]);
      await queue.seal();
      await consuming;
    });

    test("after the end still waits for what another holds", async () => {
      const { queue, clock } = await withMessages(1);
      const consumer = queue.consumer("g", { visibilityMs: 1000 });
      await consumer.receive();
      await queue.seal();
      const waiting = consumer.receive(1, { wait: true });
      await settle();
      clock.advance(1000);
      const [again] = await waiting;
      await again?.acknowledge();
      expect(await consumer.receive(1, { wait: true })).toEqual([]);
    });

    test("ends as soon as another has done the last message", async () => {
      const { queue } = await withMessages(1);
      const [one, two] = [1, 2].map(() => queue.consumer("g", { visibilityMs: 60_000 }));
      const [message] = (await one?.receive()) ?? [];
      await queue.seal();
      const waiting = two?.receive(1, { wait: true });
      await settle();
      await message?.acknowledge();
      expect(await waiting).toEqual([]);
    });

    test("rejects when the queue ended badly, after its messages, and on an abort", async () => {
      const { queue } = await withMessages(1);
      await queue.seal({ status: "aborted", message: "stopped" });
      const consumer = queue.consumer("g", { visibilityMs: 1000 });
      const [message] = await consumer.receive(1, { wait: true });
      const aborter = new AbortController();
      const waiting = consumer.receive(1, { wait: true, signal: aborter.signal });
      await settle();
      aborter.abort(new Error("enough"));
      await expect(waiting).rejects.toThrow("enough");
      await message?.acknowledge();
      await expect(consumer.receive(1, { wait: true })).rejects.toMatchObject({
        code: "TAIL_ENDED",
      });
    });

    test("misses neither a message nor a release that comes while it looks", async () => {
      const { queue, queues } = await withMessages(1);
      const consumer = queue.consumer("g", { visibilityMs: 60_000 });
      const [held] = await consumer.receive();
      const { leases } = queues.store;
      const acquire = leases?.acquire.bind(leases);
      const happenings = [() => queue.enqueue(2), () => held?.release()];
      Object.assign(leases ?? {}, {
        async acquire(...call: Parameters<NonNullable<typeof acquire>>) {
          const handed = await acquire?.(...call);
          if (handed?.length === 0) await happenings.shift()?.();
          return handed;
        },
      });
      expect(valuesOf(await consumer.receive(1, { wait: true }))).toEqual([2]);
      expect(valuesOf(await consumer.receive(1, { wait: true }))).toEqual([1]);
    });

    test("notices an abort that comes while it looks", async () => {
      const { queue, queues } = await withMessages();
      const aborter = new AbortController();
      const { leases } = queues.store;
      const acquire = leases?.acquire.bind(leases);
      Object.assign(leases ?? {}, {
        async acquire(...call: Parameters<NonNullable<typeof acquire>>) {
          const handed = await acquire?.(...call);
          aborter.abort(new Error("enough"));
          return handed;
        },
      });
      const consumer = queue.consumer("g", { visibilityMs: 1000 });
      const waiting = consumer.receive(1, { wait: true, signal: aborter.signal });
      await expect(waiting).rejects.toThrow("enough");
    });

    test("does not take a queue for done in which a message is given back while it looks", async () => {
      const { queue, queues } = await withMessages(1);
      const consumer = queue.consumer("g", { visibilityMs: 60_000 });
      const [held] = await consumer.receive();
      await queue.seal();
      const { leases } = queues.store;
      const nextExpiry = leases?.nextExpiry.bind(leases);
      Object.assign(leases ?? {}, {
        async nextExpiry(name: string, group: string) {
          await held?.release();
          return nextExpiry?.(name, group);
        },
      });
      expect(valuesOf(await consumer.receive(1, { wait: true }))).toEqual([1]);
    });

    test("needs a store with leases", async () => {
      const { queues } = await testQueues();
      const { leases: _, ...rest } = queues.store;
      expect(rest).toBeDefined();
      Object.defineProperty(queues.store, "leases", { value: undefined });
      const queue = queues.session("s").queue("q");
      expect(() => queue.consumer("g", { visibilityMs: 1 })).toThrow(/no leases/);
    });
  });
});
