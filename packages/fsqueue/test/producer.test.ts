import { QueueError } from "@lazy/fsqueue";
import { describe, expect, test } from "vitest";
import { testQueues, valuesOf, onEveryStore } from "./fixtures/temporary.ts";

async function openQueue() {
  const { queues } = await testQueues();
  const queue = queues.session("s").queue<number>("q");
  return { queues, queue, values: async () => valuesOf((await queue.read()).messages) };
}

onEveryStore(() => {
  describe("an idempotent producer", () => {
    test("a job run again from its start appends only what is missing", async () => {
      const { queue, values } = await openQueue();
      const job = async (steps: number) => {
        const producer = queue.producer("job");
        const duplicates: boolean[] = [];
        for (let i = 0; i < steps; i++) duplicates.push((await producer.enqueue(i)).duplicate);
        return duplicates;
      };
      expect(await job(3)).toEqual([false, false, false]);
      expect(await job(5)).toEqual([true, true, true, false, false]);
      expect(await values()).toEqual([0, 1, 2, 3, 4]);
    });

    test("calls that overlap are numbered in their order", async () => {
      const { queue, values } = await openQueue();
      const producer = queue.producer("job");
      await Promise.all([producer.enqueue(1), producer.enqueueMany([2, 3]), producer.enqueue(4)]);
      expect(producer.sequence).toBe(3);
      expect(await values()).toEqual([1, 2, 3, 4]);
    });

    test("a higher epoch fences off the lower one", async () => {
      const { queue, values } = await openQueue();
      const old = queue.producer("job");
      await old.enqueue(1);
      await queue.producer("job", { epoch: 1 }).enqueue(2);
      await expect(old.enqueue(3)).rejects.toMatchObject({ code: "PRODUCER_FENCED" });
      expect(await values()).toEqual([1, 2]);
    });

    test("what was refused gives its number back", async () => {
      const { queue, values } = await openQueue();
      await queue.open();
      const producer = queue.producer("job");
      await expect(producer.enqueue(1n as unknown as number)).rejects.toMatchObject({
        code: "MESSAGE_INVALID",
      });
      await producer.enqueue(1);
      expect(producer.sequence).toBe(1);
      expect(await values()).toEqual([1]);
    });

    test("what the queue had no room for is not sent again with the next", async () => {
      const { queues } = await openQueue();
      const queue = queues.session("s").queue<number>("full", { maxMessages: 1 });
      const producer = queue.producer("job");
      await producer.enqueue(1);
      await expect(producer.enqueue(2)).rejects.toMatchObject({ code: "QUEUE_FULL" });
      expect(valuesOf(await queue.dequeue(1))).toEqual([1]);
      await producer.enqueue(3);
      expect(valuesOf(await queue.dequeue(1))).toEqual([3]);
    });

    test("what may have been appended is sent again before the next", async () => {
      const { queue, queues, values } = await openQueue();
      await queue.open();
      const producer = queue.producer("job");
      await producer.enqueue(1);
      const { store } = queues;
      const append = store.append.bind(store);
      // The append takes effect, but its acknowledgement is lost.
      store.append = async (...call) => {
        await append(...call);
        store.append = append;
        throw new QueueError("STORE_FAILED", "the disk went away");
      };
      await expect(producer.enqueue(2)).rejects.toMatchObject({ code: "STORE_FAILED" });
      await producer.enqueue(3);
      expect(await values()).toEqual([1, 2, 3]);
      expect(producer.sequence).toBe(3);
    });
  });
});
