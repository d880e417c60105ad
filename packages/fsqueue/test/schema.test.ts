import { session } from "@lazy/context";
import { type Message, type Queue, jsonCodec } from "@lazy/fsqueue";
import type { StandardSchemaV1 } from "@standard-schema/spec";
import * as v from "valibot";
import { describe, expect, expectTypeOf, test } from "vitest";
import { z } from "zod";
import { testQueues, valuesOf, onEveryStore } from "./fixtures/temporary.ts";

function held(): { promise: Promise<void>; release: () => void } {
  let release = (): void => {};
  const promise = new Promise<void>((resolve) => {
    release = resolve;
  });
  return { promise, release };
}

onEveryStore(() => {
  describe("a schema", () => {
    test("zod: what fits is stored as the schema gives it back", async () => {
      const { queues } = await testQueues();
      const schema = z.object({ delta: z.string().trim(), index: z.coerce.number().default(0) });
      const queue = queues.session("s").queue("q", { schema });
      await queue.enqueue({ delta: " Hi " });
      expect((await queue.peek())?.value).toEqual({ delta: "Hi", index: 0 });
      expectTypeOf<Parameters<typeof queue.enqueue>[0]>().toEqualTypeOf<z.input<typeof schema>>();
      expectTypeOf<Awaited<ReturnType<typeof queue.peek>>>().toEqualTypeOf<
        Message<{ delta: string; index: number }> | undefined
      >();
    });

    test("valibot: what does not fit is MESSAGE_INVALID, and says where", async () => {
      const { queues } = await testQueues();
      const schema = v.object({ token: v.object({ text: v.string() }) });
      const queue = queues.session("s").queue("q", { schema });
      const wrong = { token: { text: 1 } } as unknown as { token: { text: string } };
      await expect(queue.enqueue(wrong)).rejects.toMatchObject({
        code: "MESSAGE_INVALID",
        message: expect.stringContaining("token.text:"),
        details: { issues: [expect.objectContaining({ message: expect.any(String) })] },
      });
      expect(() => queue.tryEnqueue(wrong)).toThrow(
        expect.objectContaining({ code: "MESSAGE_INVALID" }),
      );
      const many = [{ token: { text: "a" } }, wrong];
      await expect(queue.enqueueMany(many)).rejects.toMatchObject({ code: "MESSAGE_INVALID" });
      expect(await queue.info()).toBeUndefined();
    });

    test("one that validates some at once and some later keeps the order of the calls", async () => {
      const { queues } = await testQueues();
      const { promise, release } = held();
      const schema: StandardSchemaV1<number, number> = {
        "~standard": {
          version: 1,
          vendor: "test",
          validate: (value) =>
            value === 1
              ? promise.then(() => ({ value: 1 }))
              : value === 0
                ? Promise.reject(new Error("cannot tell"))
                : { value: value as number },
        },
      };
      const queue = queues.session("s").queue("q", { schema });
      const calls = [queue.enqueue(1), queue.enqueue(2), queue.enqueueMany([3, 4])];
      expect(() => queue.tryEnqueue(5)).toThrow(TypeError);
      release();
      await Promise.all(calls);
      expect(valuesOf(await queue.dequeue(9))).toEqual([1, 2, 3, 4]);
      expect(queue.tryEnqueue(6)).toBe(true);
      await queue.flush();
      // What the schema makes of it is nobody's business any more.
      expect(() => queue.tryEnqueue(0)).toThrow(TypeError);
      const fork = await queue.fork("fork");
      await expect(fork.enqueue(0)).rejects.toThrow("cannot tell");
    });

    test("one that validates asynchronously keeps the order of the calls", async () => {
      const { queues } = await testQueues();
      const order: (() => void)[] = [];
      const schema = z.number().refine(async (value) => {
        // zod may ask twice: at first whether it can do without a promise.
        if (value === 1) await new Promise<void>((resolve) => order.push(resolve));
        return value !== 2;
      });
      const queue = queues.session("s").queue("q", { schema });
      const first = queue.enqueue(1);
      const second = queue.enqueue(2);
      const third = queue.enqueueMany([3, 4]);
      await expect.poll(() => order.length).toBeGreaterThan(0);
      for (const release of order) release();
      await expect(second).rejects.toMatchObject({ code: "MESSAGE_INVALID" });
      await Promise.all([first, third]);
      expect(valuesOf(await queue.dequeue(9))).toEqual([1, 3, 4]);
      expect(() => queue.tryEnqueue(5)).toThrow(TypeError);
      await queue.seal({ status: "ok" }, { messages: [6] });
      expect(valuesOf(await queue.dequeue(9))).toEqual([6]);
    });

    test("the types of a queue follow from its options", async () => {
      const { queues } = await testQueues();
      expectTypeOf(queues.queue("q")).toEqualTypeOf<Queue<unknown>>();
      expectTypeOf(queues.queue<number>("q")).toEqualTypeOf<Queue<number>>();
      expectTypeOf(queues.queue("q", { codec: jsonCodec<string>() })).toEqualTypeOf<
        Queue<string>
      >();
      // @ts-expect-error a queue of numbers takes no text
      const wrong = () => queues.queue<number>("q").enqueue("text");
      await expect(session.run(wrong)).resolves.toBeDefined();
    });
  });

  describe("metadata and forks", () => {
    test("metadata is kept and told", async () => {
      const { queues } = await testQueues();
      const queue = queues.session("s").queue("q", { metadata: { type: "chat" }, ttlMs: 1000 });
      expect(await queue.open()).toMatchObject({ metadata: { type: "chat" }, ttlMs: 1000 });
      const other = queues.session("s").queue("q", { metadata: { type: "else" } });
      await expect(other.enqueue(1)).rejects.toMatchObject({ code: "QUEUE_EXISTS" });
      expect(await queues.session("s").queue("q").size()).toBe(0);
    });

    test("a fork begins with the messages up to an offset", async () => {
      const { queues } = await testQueues();
      const queue = queues.session("s").queue<string>("q", { ttlMs: 1000 });
      const { offset } = await queue.enqueue("question");
      await queue.enqueue("answer");
      const again = await queue.fork("again", { at: offset });
      await again.enqueue("another answer");
      const elsewhere = await queue.fork("q", { session: "other" });
      expect(valuesOf((await again.read()).messages)).toEqual(["question", "another answer"]);
      expect(valuesOf((await elsewhere.read()).messages)).toEqual(["question", "answer"]);
      expect(await again.info()).toMatchObject({ name: "s/again", ttlMs: 1000, owned: false });
    });

    test("a fork of the current session's queue", async () => {
      const { queues } = await testQueues();
      const reply = queues.queue<string>("reply");
      const fork = await session.run({ id: "s" }, async () => {
        await reply.enqueue("a");
        return reply.fork("kept");
      });
      expect((await fork.info())?.name).toBe("s/kept");
      expect(valuesOf((await fork.read()).messages)).toEqual(["a"]);
    });
  });
});
