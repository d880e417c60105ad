import assert from "node:assert/strict";
import { type ContractCase, casesOf, needing } from "./contract-case.ts";
import { append, endOf, rejectsWith } from "./contract-steps.ts";

/** Committed positions and their compare-and-set. */
export const cursorCases: readonly ContractCase[] = casesOf("cursors", {
  "a cursor is where it was set, by queue and group": async (store) => {
    await store.open("q");
    await store.open("other");
    const { offset } = await append(store, "q", ["a"]);
    assert.equal(await store.cursors.get("q", "g"), undefined);
    await store.cursors.set("q", "g", offset);
    assert.equal(await store.cursors.get("q", "g"), offset);
    assert.equal(await store.cursors.get("q", "h"), undefined);
    assert.equal(await store.cursors.get("other", "g"), undefined);
  },

  "with expect it is set only from there": async (store) => {
    await store.open("q");
    const start = await endOf(store, "q");
    const { offset } = await append(store, "q", ["a"]);
    await store.cursors.set("q", "g", start, { expect: undefined });
    const again = store.cursors.set("q", "g", offset, { expect: undefined });
    await rejectsWith("CURSOR_CONFLICT", again, { present: start });
    await store.cursors.set("q", "g", offset, { expect: start });
    await rejectsWith("CURSOR_CONFLICT", store.cursors.set("q", "g", start, { expect: start }));
    assert.equal(await store.cursors.get("q", "g"), offset);
  },

  "without expect it may go back": async (store) => {
    await store.open("q");
    const start = await endOf(store, "q");
    const { offset } = await append(store, "q", ["a"]);
    await store.cursors.set("q", "g", offset);
    await store.cursors.set("q", "g", start);
    assert.equal(await store.cursors.get("q", "g"), start);
  },

  "of concurrent moves exactly one succeeds": async (store) => {
    await store.open("q");
    const { offset } = await append(store, "q", ["a"]);
    const moves = Array.from({ length: 6 }, () =>
      store.cursors.set("q", "g", offset, { expect: undefined }),
    );
    const results = await Promise.allSettled(moves);
    assert.equal(results.filter((result) => result.status === "fulfilled").length, 1);
  },

  "an offset that is none is refused": async (store) => {
    await store.open("q");
    await rejectsWith("OFFSET_INVALID", store.cursors.set("q", "g", "x"));
    await rejectsWith("QUEUE_NOT_FOUND", store.cursors.set("nowhere", "g", "x"));
  },

  "a cursor works on a sealed queue and outlives a restart": needing(
    "restart",
    async (store, host) => {
      await store.open("q");
      const { offset } = await append(store, "q", ["a"]);
      await store.seal("q", { status: "ok" });
      await store.cursors.set("q", "g", offset);
      await host.restart();
      assert.equal(await host.store.cursors.get("q", "g"), offset);
    },
  ),
});
