import assert from "node:assert/strict";
import type { Store } from "../store.ts";
import { type ContractCase, casesOf, needing } from "./contract-case.ts";
import { append, namesIn, rejectsWith, textsOf } from "./contract-steps.ts";

const orphansOf = async (store: Store) => (await store.orphans()).map((info) => info.name);

/** Closing, and queues whose writer is gone. */
export const lifetimeCases: readonly ContractCase[] = casesOf("lifetime", {
  "after close everything rejects, and closing again is fine": async (store) => {
    await store.open("q");
    const { offset } = await append(store, "q", ["a"]);
    await store.close();
    await store.close();
    await store[Symbol.asyncDispose]();
    const calls: (() => Promise<unknown>)[] = [
      () => store.open("q"),
      () => append(store, "q", ["x"]),
      () => store.read("q", "start"),
      () => store.wait("q", offset),
      () => store.seal("q", { status: "ok" }),
      () => store.take("q", 1),
      () => store.trim("q", "now"),
      () => store.remove("q"),
      () => store.info("q"),
      () => namesIn(store),
      () => store.orphans(),
      () => store.stats(),
      () => store.flush(),
      () => store.cursors.get("q", "g"),
      () => store.cursors.set("q", "g", offset),
    ];
    for (const call of calls) await rejectsWith("STORE_CLOSED", (async () => call())());
  },

  "close waits for what was called before it": needing("restart", async (store, host) => {
    await store.open("q");
    const appends = Array.from({ length: 20 }, (_, i) => append(store, "q", [`${i}`]));
    await host.restart();
    const results = await Promise.allSettled(appends);
    const acknowledged = results.flatMap(({ status }, i) =>
      status === "fulfilled" ? [`${i}`] : [],
    );
    assert.deepEqual((await textsOf(host.store, "q")).slice(0, acknowledged.length), acknowledged);
  }),

  "a queue of this process is no orphan": async (store) => {
    await store.open("mine", { owned: true });
    assert.equal((await store.info("mine"))?.owned, true);
    assert.deepEqual(await store.orphans(), []);
  },

  "an owned, unsealed queue is an orphan after a crash, until it is opened or sealed": needing(
    "crash",
    async (store, host) => {
      for (const name of ["a", "b", "sealed"]) {
        await store.open(name, { owned: true });
        await append(store, name, ["x"]);
      }
      await store.open("shared");
      await append(store, "shared", ["x"]);
      await store.seal("sealed", { status: "ok" });
      await host.crash();
      assert.deepEqual((await orphansOf(host.store)).toSorted(), ["a", "b"]);
      assert.deepEqual(await textsOf(host.store, "a"), ["x"]);
      await host.store.open("a", { owned: true });
      assert.deepEqual(await orphansOf(host.store), ["b"]);
      await host.store.seal("b", { status: "aborted", code: "WRITER_LOST" });
      assert.deepEqual(await orphansOf(host.store), []);
      await append(host.store, "a", ["y"]);
      await host.crash();
      assert.deepEqual(await orphansOf(host.store), ["a"]);
    },
  ),

  "and after a close that left it open": needing("restart", async (store, host) => {
    await store.open("q", { owned: true });
    await append(store, "q", ["x"]);
    await host.restart();
    assert.deepEqual(await orphansOf(host.store), ["q"]);
  }),
});
