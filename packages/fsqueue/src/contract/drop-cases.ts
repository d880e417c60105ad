import assert from "node:assert/strict";
import { type ContractCase, casesOf, needing } from "./contract-case.ts";
import { append, endOf, namesIn, rejectsWith, text, textsOf } from "./contract-steps.ts";

/** What drops messages and queues, alone and at once. */
export const dropCases: readonly ContractCase[] = casesOf("take, trim and remove", {
  "take gives the oldest messages and drops them": async (store) => {
    await store.open("q");
    await append(store, "q", ["a", "b", "c"]);
    const all = (await store.read("q", "start")).messages;
    const taken = await store.take("q", 2);
    assert.deepEqual(
      taken.map((message) => text(message.data)),
      ["a", "b"],
    );
    assert.deepEqual(
      taken.map((message) => message.offset),
      [all[0]?.offset, all[1]?.offset],
    );
    assert.deepEqual(await textsOf(store, "q"), ["c"]);
    assert.equal((await store.take("q", 10)).length, 1);
    assert.deepEqual(await store.take("q", 10), []);
  },

  "of concurrent takers each gets different messages, in order": async (store) => {
    await store.open("q");
    const values = Array.from({ length: 100 }, (_, i) => `${i}`);
    await append(store, "q", values);
    const taken = await Promise.all(Array.from({ length: 30 }, () => store.take("q", 4)));
    assert.deepEqual(
      taken.flat().map((message) => text(message.data)),
      values,
    );
  },

  "takers and writers at once lose and repeat nothing": async (store) => {
    await store.open("q");
    const taken: string[] = [];
    const values = Array.from({ length: 60 }, (_, i) => `${i}`);
    const calls = values.flatMap((value) => [
      append(store, "q", [value]),
      store.take("q", 1).then((messages) => taken.push(...messages.map((m) => text(m.data)))),
    ]);
    await Promise.all(calls);
    taken.push(...(await store.take("q", 100)).map((message) => text(message.data)));
    assert.deepEqual(taken, values);
  },

  "trim drops up to and including an offset and tells how many": async (store) => {
    await store.open("q");
    await append(store, "q", ["a", "b", "c"]);
    const second = (await store.read("q", "start")).messages[1]?.offset ?? "";
    assert.equal(await store.trim("q", second), 2);
    assert.equal(await store.trim("q", second), 0);
    assert.equal((await store.info("q"))?.head, second);
    assert.deepEqual(await textsOf(store, "q"), ["c"]);
    assert.equal(await store.trim("q", "now"), 1);
    assert.deepEqual(await textsOf(store, "q"), []);
  },

  "trim refuses an offset that is none": async (store) => {
    await store.open("q");
    await rejectsWith("OFFSET_INVALID", store.trim("q", "x"));
  },

  "an offset is not given again after take and trim": async (store) => {
    await store.open("q");
    const first = await append(store, "q", ["a"]);
    await store.take("q", 1);
    const second = await append(store, "q", ["b"]);
    await store.trim("q", "now");
    const third = await append(store, "q", ["c"]);
    assert.ok(first.offset < second.offset && second.offset < third.offset);
    assert.equal((await store.read("q", second.offset)).messages[0]?.offset, third.offset);
  },

  "nor after a restart": needing("restart", async (store, host) => {
    await store.open("q");
    await append(store, "q", ["a", "b", "c"]);
    await store.take("q", 1);
    await store.trim("q", "now");
    const tail = await endOf(store, "q");
    await host.restart();
    const info = await host.store.info("q");
    assert.equal(info?.head, tail);
    assert.equal(info?.tail, tail);
    assert.ok((await append(host.store, "q", ["d"])).offset > tail);
    assert.deepEqual(await textsOf(host.store, "q"), ["d"]);
  }),

  "what was taken does not come back after the death of the process": needing(
    "crash",
    async (store, host) => {
      await store.open("q");
      await append(store, "q", ["a", "b", "c"]);
      await store.take("q", 2);
      await host.crash();
      assert.deepEqual(await textsOf(host.store, "q"), ["c"]);
    },
  ),

  "a removed queue is gone, and its name is free": async (store) => {
    const { info } = await store.open("q", { metadata: { a: "1" } });
    await append(store, "q", ["a"], { producer: { id: "p", epoch: 3, sequence: 0 } });
    await store.cursors.set("q", "g", await endOf(store, "q"));
    assert.equal(await store.remove("q"), true);
    assert.equal(await store.remove("q"), false);
    assert.equal(await store.info("q"), undefined);
    assert.deepEqual(await namesIn(store), []);
    await rejectsWith("QUEUE_NOT_FOUND", append(store, "q", ["x"]));
    await rejectsWith("QUEUE_NOT_FOUND", store.read("q", "start"));
    await rejectsWith("QUEUE_NOT_FOUND", store.take("q", 1));
    await rejectsWith("QUEUE_NOT_FOUND", store.trim("q", "now"));
    await rejectsWith("QUEUE_NOT_FOUND", store.seal("q", { status: "ok" }));
    await rejectsWith("QUEUE_NOT_FOUND", store.cursors.get("q", "g"));
    const again = await store.open("q");
    assert.equal(again.created, true);
    assert.notEqual(again.info.id, info.id);
    assert.deepEqual(again.info.metadata, {});
    assert.deepEqual(await textsOf(store, "q"), []);
    assert.equal(await store.cursors.get("q", "g"), undefined);
    await append(store, "q", ["b"], { producer: { id: "p", epoch: 0, sequence: 0 } });
  },

  "a queue removed and opened again is the new one after a restart": needing(
    "restart",
    async (store, host) => {
      await store.open("gone");
      await append(store, "gone", ["x"]);
      await store.remove("gone");
      await store.open("q");
      await append(store, "q", ["old"]);
      await store.remove("q");
      await store.open("q");
      await append(store, "q", ["new"]);
      await host.restart();
      assert.deepEqual(await namesIn(host.store), ["q"]);
      assert.deepEqual(await textsOf(host.store, "q"), ["new"]);
    },
  ),
});
