import assert from "node:assert/strict";
import type { Offset, Position, Store } from "../store.ts";
import { type ContractCase, casesOf, needing } from "./contract-case.ts";
import { append, endOf, rejectsWith, text } from "./contract-steps.ts";

const comma = 0x2c;

async function copy(
  store: Store,
  from: Position,
  size: number,
  options?: { readonly separator?: number; readonly upTo?: Offset },
) {
  const target = new Uint8Array(size);
  const result = await store.readInto!("q", from, target, options);
  return { ...result, text: text(target.subarray(0, result.bytes)) };
}

/** The short cut that copies payloads. */
export const copyCases: readonly ContractCase[] = casesOf("readInto", {
  "gives the payloads of a read, one after the other": needing("copy", async (store) => {
    await store.open("q");
    await append(store, "q", ["one", "", "two", "three"]);
    const { next } = await store.read("q", "start", { max: 1 });
    const whole = await copy(store, "start", 100);
    assert.equal(whole.text, "onetwothree");
    assert.equal(whole.messages, 4);
    assert.equal(whole.next, await endOf(store, "q"));
    assert.equal(whole.atEnd, true);
    assert.equal((await copy(store, next, 100, { separator: comma })).text, ",two,three");
    assert.equal((await copy(store, "now", 100)).messages, 0);
  }),

  "copies whole messages only, and reads on": needing("copy", async (store) => {
    await store.open("q");
    await append(store, "q", ["one", "two", "three"]);
    const first = await copy(store, "start", 7, { separator: comma });
    assert.deepEqual([first.text, first.messages, first.atEnd], ["one,two", 2, false]);
    const second = await copy(store, first.next, 5, { separator: comma });
    assert.deepEqual([second.text, second.atEnd], ["three", true]);
    const none = await copy(store, first.next, 4);
    assert.deepEqual([none.messages, none.bytes, none.next], [0, 0, first.next]);
    assert.equal(none.atEnd, false);
  }),

  "measures what would fit, and copies nothing": needing("copy", async (store) => {
    await store.open("q");
    await append(store, "q", ["one", "two", "three"]);
    const some = await store.readInto!("q", "start", 8, { separator: comma });
    assert.deepEqual([some.bytes, some.messages, some.atEnd], [7, 2, false]);
    const all = await store.readInto!("q", some.next, 5);
    assert.deepEqual([all.bytes, all.messages, all.atEnd], [5, 1, true]);
  }),

  "copies nothing after an offset": needing("copy", async (store) => {
    await store.open("q");
    const { offset } = await append(store, "q", ["one", "two"]);
    await append(store, "q", ["three"]);
    const bounded = await copy(store, "start", 100, { upTo: offset });
    assert.deepEqual([bounded.text, bounded.next, bounded.atEnd], ["onetwo", offset, false]);
  }),

  "tells how a queue ended": needing("copy", async (store) => {
    await store.open("q");
    await append(store, "q", ["one"]);
    await store.seal("q", { status: "aborted" });
    assert.deepEqual((await copy(store, "start", 100)).ending, { status: "aborted" });
    assert.equal((await copy(store, "start", 1)).ending, undefined);
  }),

  "rejects as a read does": needing("copy", async (store) => {
    await rejectsWith("QUEUE_NOT_FOUND", copy(store, "start", 10));
    await store.open("q");
    await append(store, "q", ["one", "two"]);
    await rejectsWith("OFFSET_INVALID", copy(store, "nonsense!", 10));
    const { next } = await store.read("q", "start", { max: 1 });
    await store.trim("q", "now");
    await rejectsWith("OFFSET_TRIMMED", copy(store, next, 10));
  }),

  "gives the same after a restart, when nothing is in memory": needing(
    ["copy", "restart"],
    async (_, host) => {
      await host.store.open("q");
      await host.store.open("other");
      const texts = Array.from(
        { length: 500 },
        (_unused, n) => `${n}:${"x".repeat((n * 37) % 900)}`,
      );
      for (const one of texts) {
        await append(host.store, "q", [one]);
        await append(host.store, "other", ["between"]);
      }
      await host.restart();
      let copied = "";
      for (let from: Position = "start"; ;) {
        const piece = await copy(host.store, from, 10_000);
        copied += piece.text;
        from = piece.next;
        if (piece.atEnd) break;
      }
      assert.equal(copied, texts.join(""));
    },
  ),

  "gives what a fork has of its origin, and its own": needing(["copy", "forks"], async (store) => {
    await store.open("origin");
    await append(store, "origin", ["one", "two"]);
    await store.open("q", { fork: { from: "origin" } });
    await append(store, "q", ["three"]);
    assert.equal((await copy(store, "start", 100)).text, "onetwothree");
    assert.equal((await copy(store, "start", 3)).text, "one");
  }),
});
