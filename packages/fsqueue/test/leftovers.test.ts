import type { ManualClock } from "@lazy/fsqueue/testing";
import { describe, expect, test } from "vitest";
import { collectGarbage } from "./fixtures/collect-garbage.ts";
import { onEveryStore, settle, testQueues, valuesOf } from "./fixtures/temporary.ts";

/** How many of the calls that are scheduled on this clock from now on are neither made nor cancelled. */
function scheduledOn(clock: ManualClock): () => number {
  const schedule = clock.schedule.bind(clock);
  const pending = new Set<() => void>();
  Object.assign(clock, {
    schedule(at: number, run: () => void) {
      const due = (): void => {
        pending.delete(due);
        run();
      };
      const cancel = schedule(at, due);
      pending.add(due);
      return () => {
        pending.delete(due);
        cancel();
      };
    },
  });
  return () => pending.size;
}

onEveryStore(() => {
  describe("no timer is left", () => {
    test("of a queue with a TTL, once its store is closed", async () => {
      const { queues, clock } = await testQueues();
      const scheduled = scheduledOn(clock);
      await queues.session("s").queue("q", { ttlMs: 60_000 }).open();
      expect(scheduled()).toBe(1);
      await queues.close();
      expect(scheduled()).toBe(0);
    });

    test("of a writer that waited for room", async () => {
      const { queues, clock } = await testQueues();
      const queue = queues.session("s").queue<number>("q", { maxMessages: 1, whenFull: "block" });
      await queue.enqueue(1);
      const scheduled = scheduledOn(clock);
      const blocked = queue.enqueue(2);
      await expect.poll(scheduled).toBe(1);
      await queue.dequeue(1);
      await blocked;
      expect(scheduled()).toBe(0);
    });

    test("nor a wait, of a consumer that waited for a lease to end", async () => {
      const { queues, clock } = await testQueues();
      const queue = queues.session("s").queue<number>("q");
      await queue.enqueue(1);
      const consumer = queue.consumer("g", { visibilityMs: 60_000 });
      const [held] = await consumer.receive();
      const { store } = queues;
      const wait = store.wait.bind(store);
      let waits = 0;
      store.wait = async (...call) => {
        waits += 1;
        await wait(...call).finally(() => (waits -= 1));
      };
      const scheduled = scheduledOn(clock);
      const waiting = consumer.receive(1, { wait: true });
      await expect.poll(() => [scheduled(), waits]).toEqual([1, 1]);
      await held?.release();
      expect(valuesOf(await waiting)).toEqual([1]);
      expect(scheduled()).toBe(0);
      const again = consumer.receive(1, { wait: true });
      await expect.poll(() => [scheduled(), waits]).toEqual([1, 1]);
      clock.advance(60_000);
      expect(valuesOf(await again)).toEqual([1]);
      expect([scheduled(), waits]).toEqual([0, 0]);
    });
  });

  describe("nobody holds", () => {
    /** Begins this call and aborts it; gives its signal once it was told and garbage is collected. */
    async function abortedSignal(
      call: (signal: AbortSignal) => Promise<unknown>,
    ): Promise<AbortSignal | undefined> {
      const aborted = async (): Promise<WeakRef<AbortSignal>> => {
        const aborter = new AbortController();
        const failure = call(aborter.signal).catch((error: unknown) => error);
        await settle();
        aborter.abort(new Error("enough"));
        expect(await failure).toMatchObject({ message: "enough" });
        return new WeakRef(aborter.signal);
      };
      const signal = await aborted();
      await collectGarbage();
      return signal.deref();
    }

    test("a wait that was aborted", async () => {
      const { queues } = await testQueues();
      const { tail } = await queues.session("s").queue("q").open();
      const wait = (signal: AbortSignal) => queues.store.wait("s/q", tail, signal);
      expect(await abortedSignal(wait)).toBeUndefined();
    });

    test("a call that was aborted in line", async () => {
      const { queues } = await testQueues();
      const queue = queues.session("s").queue<number>("q", { maxMessages: 1, whenFull: "block" });
      await queue.enqueue(1);
      const blocked = queue.enqueue(2);
      const behind = (signal: AbortSignal) => queue.enqueue(3, { signal });
      expect(await abortedSignal(behind)).toBeUndefined();
      expect(valuesOf(await queue.dequeue(1))).toEqual([1]);
      await blocked;
    });
  });
});

test("a queue that writers and consumers watched leaves no memory behind once it is removed", async () => {
  const { queues } = await testQueues();
  const bytesOf = async (count: number): Promise<number> => {
    const before = process.memoryUsage().heapUsed;
    for (let i = 0; i < count; i += 1) {
      const queue = queues
        .session(`${i}`.padStart(500, "x"))
        .queue<number>("q", { maxMessages: 1, whenFull: "block" });
      await queue.enqueue(1);
      await queue.consumer("g", { visibilityMs: 1000 }).receive();
      await queue.delete();
    }
    await settle();
    await collectGarbage();
    return (process.memoryUsage().heapUsed - before) / count;
  };
  await bytesOf(100);
  expect(await bytesOf(2000)).toBeLessThan(300);
});
