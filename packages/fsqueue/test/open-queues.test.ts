import { session } from "@lazy/context";
import { type Queues, createMemoryStore, openQueues } from "@lazy/fsqueue";
import { describe, expect, test } from "vitest";
import { collect, onEveryStore, testQueues } from "./fixtures/temporary.ts";

/** A store with two orphans. Memory has no past process; files are tested with real ones. */
async function orphaned() {
  const store = createMemoryStore();
  for (const name of ["a/reply", "b/reply"]) {
    await store.open(name, { owned: true });
    await store.append(name, [Buffer.from("1")]);
  }
  let orphans = ["a/reply", "b/reply"];
  const open = store.open.bind(store);
  const seal = store.seal.bind(store);
  store.orphans = async () => {
    const infos = await Promise.all(orphans.map((name) => store.info(name)));
    return infos.filter((info) => info !== undefined);
  };
  store.open = (name, options) => {
    orphans = orphans.filter((other) => other !== name);
    return open(name, options);
  };
  store.seal = (name, ending, options) => {
    orphans = orphans.filter((other) => other !== name);
    return seal(name, ending, options);
  };
  return store;
}

/** Two messages for a queue with room for one: they are lost, and nobody was told yet. */
function loseMessages(queues: Queues, name: string): void {
  const queue = queues.session("s").queue<number>(name, { maxMessages: 1 });
  queue.tryEnqueue(1);
  queue.tryEnqueue(2);
}

onEveryStore(() => {
  describe("queues that a dead process left open", () => {
    test("are sealed with WRITER_LOST, so that no reader waits", async () => {
      const store = await orphaned();
      await using queues = await openQueues({ store });
      const reading = collect(queues.session("a").queue("reply").tail());
      await expect(reading).rejects.toMatchObject({ code: "WRITER_LOST" });
      expect(await store.orphans()).toEqual([]);
    });

    test("stay open when they are claimed", async () => {
      await using queues = await openQueues({
        store: await orphaned(),
        claim: async (info) => info.name === "a/reply",
      });
      expect(await queues.store.orphans()).toEqual([]);
      const reply = queues.queue<number>("reply");
      await session.run({ id: "a" }, () => reply.enqueue(2));
      expect(await collect(queues.session("a").queue<number>("reply").tail())).toEqual([1, 2]);
      expect((await queues.session("b").queue("reply").info())?.ending).toMatchObject({
        code: "WRITER_LOST",
      });
    });

    test("a claim that throws closes the store and is told", async () => {
      const store = await orphaned();
      const opening = openQueues({
        store,
        claim: (info) => Promise.reject(new Error(`not ${info.name}`)),
      });
      await expect(opening).rejects.toThrow("not a/reply");
      await expect(store.stats()).rejects.toMatchObject({ code: "STORE_CLOSED" });
    });

    test.each([true, false])(
      "may expire while it is asked who claims them: %s",
      async (claimed) => {
        const store = await orphaned();
        await using queues = await openQueues({
          store,
          claim: async (info) => {
            await store.remove(info.name);
            return claimed;
          },
        });
        expect(await queues.session("a").queue("reply").info()).toBeUndefined();
      },
    );

    test("are not taken for others made under their names meanwhile", async () => {
      const store = await orphaned();
      await using queues = await openQueues({
        store,
        claim: async ({ name }) => {
          await store.remove(name);
          await store.open(name);
          return false;
        },
      });
      expect((await queues.session("a").queue("reply").info())?.ending).toBeUndefined();
    });
  });

  describe("flush of all queues", () => {
    test("appends what is unsent, then waits for the store", async () => {
      const { queues } = await testQueues();
      const { store } = queues;
      const flush = store.flush.bind(store);
      const appended: number[] = [];
      store.flush = async () => {
        appended.push((await store.read("s/q", "start")).messages.length);
        await flush();
      };
      queues.session("s").queue<number>("q").tryEnqueue(1);
      await queues.flush();
      expect(appended).toEqual([1]);
    });

    test("tells of every queue that lost messages", async () => {
      const { queues } = await testQueues();
      for (const name of ["a", "b"]) loseMessages(queues, name);
      const error: unknown = await queues.flush().catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(AggregateError);
      expect(error).toMatchObject({
        message: "2 queues lost messages.",
        errors: [{ code: "QUEUE_FULL" }, { code: "QUEUE_FULL" }],
      });
      await queues.flush();
    });
  });

  test("closing twice closes once, and both are told what was lost", async () => {
    const { queues } = await testQueues();
    const { store } = queues;
    const close = store.close.bind(store);
    let closes = 0;
    store.close = () => {
      closes += 1;
      return close();
    };
    loseMessages(queues, "q");
    for (const closing of [queues.close(), queues.close(), queues[Symbol.asyncDispose]()]) {
      await expect(closing).rejects.toMatchObject({ code: "QUEUE_FULL" });
    }
    expect(closes).toBe(1);
  });
});
