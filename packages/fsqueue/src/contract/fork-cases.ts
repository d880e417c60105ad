import assert from "node:assert/strict";
import { type ContractCase, casesOf, needing } from "./contract-case.ts";
import { append, bytes, endOf, namesIn, rejectsWith, textsOf } from "./contract-steps.ts";

/** Forks, and origins that are removed before them. */
export const forkCases: readonly ContractCase[] = casesOf("forks", {
  "a fork begins as a copy and goes its own way": needing("forks", async (store) => {
    await store.open("q");
    const { offset } = await append(store, "q", ["a", "b"]);
    const { info } = await store.open("f", { fork: { from: "q" } });
    assert.deepEqual(info.fork, { from: "q", at: offset });
    assert.equal(info.tail, offset);
    assert.equal(info.messages, 2);
    assert.equal(info.bytes, 2);
    const [fork, origin] = await Promise.all([
      append(store, "f", ["f"]),
      append(store, "q", ["c"]),
    ]);
    assert.ok(fork.offset > offset && origin.offset > offset);
    assert.deepEqual(await textsOf(store, "f"), ["a", "b", "f"]);
    assert.deepEqual(await textsOf(store, "q"), ["a", "b", "c"]);
    assert.deepEqual(await textsOf(store, "f", offset), ["f"]);
  }),

  "a fork has the offsets of its origin": needing("forks", async (store) => {
    await store.open("q");
    await append(store, "q", ["a", "b", "c"]);
    const origin = (await store.read("q", "start")).messages.map((message) => message.offset);
    await store.open("f", { fork: { from: "q", at: origin[1] ?? "" } });
    const fork = (await store.read("f", "start")).messages.map((message) => message.offset);
    assert.deepEqual(fork, origin.slice(0, 2));
    assert.deepEqual(await textsOf(store, "f"), ["a", "b"]);
  }),

  "the times of a fork go on from its origin's, even if the clock goes back": needing(
    ["forks", "clock"],
    async (store, host) => {
      await store.open("q");
      await append(store, "q", ["a"]);
      await store.open("f", { fork: { from: "q" } });
      await host.advance(-1000);
      await append(store, "f", ["b"]);
      const [first, second] = (await store.read("f", "start")).messages;
      assert.ok(first && second && first.time <= second.time);
    },
  ),

  "a fork at the start of its origin is empty": needing("forks", async (store) => {
    const { info } = await store.open("q");
    await append(store, "q", ["a"]);
    await store.open("f", { fork: { from: "q", at: info.head } });
    assert.deepEqual(await textsOf(store, "f"), []);
    await append(store, "f", ["f"]);
    assert.deepEqual(await textsOf(store, "f"), ["f"]);
  }),

  "a fork may be created with the first messages of its own": needing("forks", async (store) => {
    await store.open("q");
    await append(store, "q", ["a"]);
    await store.open("f", { fork: { from: "q" }, messages: [bytes("f")] });
    assert.deepEqual(await textsOf(store, "f"), ["a", "f"]);
    assert.deepEqual(await textsOf(store, "q"), ["a"]);
  }),

  "a fork has neither ending, producers nor cursors": needing("forks", async (store) => {
    await store.open("q", { metadata: { a: "1" } });
    const producer = { id: "p", epoch: 0, sequence: 0 };
    const { offset } = await append(store, "q", ["a"], { producer, order: "5" });
    await store.cursors.set("q", "g", offset);
    await store.seal("q", { status: "ok" });
    const { info } = await store.open("f", { fork: { from: "q" } });
    assert.equal(info.ending, undefined);
    assert.deepEqual(info.metadata, {});
    assert.equal(await store.cursors.get("f", "g"), undefined);
    assert.equal((await append(store, "f", ["b"], { producer, order: "1" })).duplicate, false);
    assert.deepEqual(await textsOf(store, "f"), ["a", "b"]);
  }),

  "trimming one leaves the other": needing("forks", async (store) => {
    await store.open("q");
    await append(store, "q", ["a", "b"]);
    await store.open("f", { fork: { from: "q" } });
    await store.open("f2", { fork: { from: "q" } });
    await store.trim("q", "now");
    await store.take("f2", 1);
    assert.deepEqual(await textsOf(store, "f"), ["a", "b"]);
    assert.deepEqual(await textsOf(store, "f2"), ["b"]);
    assert.deepEqual(await textsOf(store, "q"), []);
  }),

  "a fork begins where its origin does, and knows what was trimmed before": needing(
    "forks",
    async (store) => {
      await store.open("q");
      const { offset: first } = await append(store, "q", ["a"]);
      const { offset: second } = await append(store, "q", ["b", "c"]);
      await store.take("q", 2);
      const { info } = await store.open("f", { fork: { from: "q" } });
      assert.equal(info.messages, 1);
      assert.equal(info.head, (await store.info("q"))?.head);
      assert.deepEqual(await textsOf(store, "f"), ["c"]);
      await rejectsWith("OFFSET_TRIMMED", store.read("f", first));
      assert.equal(await store.trim("f", first), 0);
      assert.equal(await store.trim("f", second), 1);
    },
  ),

  "a fork of a fork": needing("forks", async (store) => {
    await store.open("q");
    const { offset } = await append(store, "q", ["a"]);
    await store.open("f", { fork: { from: "q" } });
    await append(store, "f", ["b"]);
    await store.open("g", { fork: { from: "f" } });
    await store.open("h", { fork: { from: "f", at: offset } });
    await append(store, "g", ["c"]);
    assert.deepEqual(await textsOf(store, "g"), ["a", "b", "c"]);
    assert.deepEqual(await textsOf(store, "h"), ["a"]);
  }),

  "a fork point that is none is refused, and nothing is created": needing(
    "forks",
    async (store) => {
      const { info } = await store.open("q");
      const { offset } = await append(store, "q", ["a", "b"]);
      await store.take("q", 1);
      const open = (from: string, at: string) => store.open("f", { fork: { from, at } });
      await rejectsWith("QUEUE_NOT_FOUND", open("nowhere", offset));
      await rejectsWith("OFFSET_INVALID", open("q", "x"));
      await rejectsWith("OFFSET_TRIMMED", open("q", info.head));
      assert.equal(await store.info("f"), undefined);
    },
  ),

  "opening a fork again with the same fork point finds it": needing("forks", async (store) => {
    await store.open("q");
    const { offset } = await append(store, "q", ["a"]);
    await store.open("f", { fork: { from: "q" } });
    await append(store, "q", ["b"]);
    assert.equal((await store.open("f", { fork: { from: "q", at: offset } })).created, false);
    assert.equal((await store.open("f", { fork: { from: "q" } })).created, false);
    const elsewhere = { fork: { from: "q", at: await endOf(store, "q") } };
    await rejectsWith("QUEUE_EXISTS", store.open("f", elsewhere));
    await rejectsWith("QUEUE_EXISTS", store.open("f", {}));
  }),

  "a removed origin stays readable through its forks until the last is gone": needing(
    "forks",
    async (store) => {
      await store.open("q");
      await append(store, "q", ["a"]);
      await store.open("f", { fork: { from: "q" } });
      await store.open("g", { fork: { from: "f" } });
      assert.equal(await store.remove("q"), true);
      await rejectsWith("QUEUE_REMOVED", store.read("q", "start"));
      await rejectsWith("QUEUE_REMOVED", append(store, "q", ["x"]));
      await rejectsWith("QUEUE_REMOVED", store.open("q"));
      await rejectsWith("QUEUE_REMOVED", store.open("h", { fork: { from: "q" } }));
      assert.equal(await store.info("q"), undefined);
      assert.equal(await store.remove("q"), false);
      assert.deepEqual(await namesIn(store), ["f", "g"]);
      assert.deepEqual(await textsOf(store, "f"), ["a"]);
      assert.equal(await store.remove("f"), true);
      await rejectsWith("QUEUE_REMOVED", store.open("q"));
      assert.deepEqual(await textsOf(store, "g"), ["a"]);
      assert.equal(await store.remove("g"), true);
      for (const name of ["q", "f", "g"]) assert.equal((await store.open(name)).created, true);
    },
  ),

  "forks outlive a restart, their removed origins too": needing(
    ["forks", "restart"],
    async (store, host) => {
      await store.open("q");
      await append(store, "q", ["a", "b"]);
      await store.open("f", { fork: { from: "q" } });
      await append(store, "f", ["c"]);
      await store.remove("q");
      await host.restart();
      assert.deepEqual(await textsOf(host.store, "f"), ["a", "b", "c"]);
      await rejectsWith("QUEUE_REMOVED", host.store.open("q"));
      await host.store.remove("f");
      assert.equal((await host.store.open("q")).created, true);
    },
  ),
});
