import assert from "node:assert/strict";
import type { Store } from "../store.ts";
import { type ContractCase, casesOf, needing } from "./contract-case.ts";
import { append, bytes, rejectsWith, textsOf } from "./contract-steps.ts";

const produce = (store: Store, sequence: number, value: string, epoch = 0, id = "p") =>
  append(store, "q", [value], { producer: { id, epoch, sequence } });

/** Retries, gaps and epochs of idempotent producers. */
export const producerCases: readonly ContractCase[] = casesOf("producers", {
  "a retry appends nothing and is told the earlier end": async (store) => {
    await store.open("q");
    const first = await produce(store, 0, "a");
    assert.equal(first.duplicate, false);
    assert.equal(first.sequence, 0);
    await append(store, "q", ["other"]);
    const retry = await produce(store, 0, "a");
    assert.equal(retry.duplicate, true);
    assert.equal(retry.sequence, 0);
    assert.equal(retry.offset, first.offset);
    await retry.durable;
    assert.deepEqual(await textsOf(store, "q"), ["a", "other"]);
  },

  "retries that overlap append once": async (store) => {
    await store.open("q");
    const receipts = await Promise.all([0, 0, 1, 0, 1].map((n) => produce(store, n, `${n}`)));
    assert.deepEqual(
      receipts.map((receipt) => receipt.duplicate),
      [false, true, false, true, true],
    );
    assert.deepEqual(await textsOf(store, "q"), ["0", "1"]);
  },

  "a duplicate is told the highest sequence": async (store) => {
    await store.open("q");
    for (const sequence of [0, 1, 2]) await produce(store, sequence, `${sequence}`);
    const retry = await produce(store, 1, "1");
    assert.equal(retry.duplicate, true);
    assert.equal(retry.sequence, 2);
  },

  "a sequence counts appends, not messages": async (store) => {
    await store.open("q");
    const producer = { id: "p", epoch: 0 };
    await append(store, "q", ["a", "b", "c"], { producer: { ...producer, sequence: 0 } });
    await append(store, "q", ["d", "e"], { producer: { ...producer, sequence: 1 } });
    assert.deepEqual(await textsOf(store, "q"), ["a", "b", "c", "d", "e"]);
  },

  "a gap is refused and told what is expected": async (store) => {
    await store.open("q");
    await rejectsWith("PRODUCER_GAP", produce(store, 1, "x"), { expected: 0, received: 1 });
    await produce(store, 0, "a");
    await rejectsWith("PRODUCER_GAP", produce(store, 2, "x"), { expected: 1, received: 2 });
    await produce(store, 1, "b");
    assert.deepEqual(await textsOf(store, "q"), ["a", "b"]);
  },

  "a higher epoch takes over and starts at 0": async (store) => {
    await store.open("q");
    await produce(store, 0, "a");
    await rejectsWith("PRODUCER_EPOCH_START", produce(store, 1, "x", 2));
    await produce(store, 0, "b", 2);
    await rejectsWith("PRODUCER_FENCED", produce(store, 1, "x", 1), { epoch: 2 });
    await rejectsWith("PRODUCER_FENCED", produce(store, 0, "x", 0), { epoch: 2 });
    await produce(store, 1, "c", 2);
    assert.deepEqual(await textsOf(store, "q"), ["a", "b", "c"]);
  },

  "producers and queues do not know each other's sequences": async (store) => {
    await store.open("q");
    await store.open("other");
    await produce(store, 0, "a", 5, "p");
    await produce(store, 0, "b", 0, "p2");
    await append(store, "other", ["c"], { producer: { id: "p", epoch: 0, sequence: 0 } });
    assert.deepEqual(await textsOf(store, "q"), ["a", "b"]);
    assert.deepEqual(await textsOf(store, "other"), ["c"]);
  },

  "what was refused leaves no trace of its sequence": async (store) => {
    await store.open("q", { maxMessages: 1 });
    const producer = { id: "p", epoch: 0, sequence: 0 };
    await rejectsWith("QUEUE_FULL", store.append("q", [bytes("a"), bytes("b")], { producer }));
    assert.equal((await store.append("q", [bytes("a")], { producer })).duplicate, false);
  },

  "a duplicate is recognised before expect, order and limits are looked at": async (store) => {
    await store.open("q", { maxMessages: 1 });
    const producer = { id: "p", epoch: 0, sequence: 0 };
    const { head } = (await store.open("q")).info;
    await append(store, "q", ["a"], { producer, expect: head, order: "1" });
    const retry = await append(store, "q", ["a"], { producer, expect: head, order: "1" });
    assert.equal(retry.duplicate, true);
  },

  "on a sealed queue a duplicate succeeds, an old epoch is fenced, the rest is sealed": async (
    store,
  ) => {
    await store.open("q");
    await produce(store, 0, "a", 1);
    await store.seal("q", { status: "ok" });
    assert.equal((await produce(store, 0, "a", 1)).duplicate, true);
    await rejectsWith("PRODUCER_FENCED", produce(store, 0, "x", 0));
    await rejectsWith("QUEUE_SEALED", produce(store, 1, "x", 1));
    await rejectsWith("QUEUE_SEALED", produce(store, 0, "x", 2));
  },

  "a retried seal with messages appends them once": async (store) => {
    await store.open("q");
    const producer = { id: "p", epoch: 0, sequence: 0 };
    const seal = () => store.seal("q", { status: "ok" }, { messages: [bytes("last")], producer });
    const first = await seal();
    const retry = await seal();
    assert.equal(retry.duplicate, true);
    assert.equal(retry.offset, first.offset);
    assert.deepEqual(await textsOf(store, "q"), ["last"]);
  },

  "who seals a sealed queue again is told the highest sequence, and adds none": async (store) => {
    await store.open("q");
    const seal = (sequence: number) =>
      store.seal("q", { status: "ok" }, { producer: { id: "p", epoch: 0, sequence } });
    assert.equal((await seal(0)).sequence, 0);
    const { duplicate, sequence } = await seal(1);
    assert.deepEqual({ duplicate, sequence }, { duplicate: false, sequence: 0 });
    assert.equal((await store.seal("q", { status: "ok" })).sequence, undefined);
  },

  "ids, epochs and sequences that are none are refused": async (store) => {
    await store.open("q");
    for (const id of ["", "a\0b", "x".repeat(513)]) {
      await rejectsWith("NAME_INVALID", produce(store, 0, "x", 0, id));
    }
    for (const wrong of [-1, 1.5, Number.NaN, 2 ** 53]) {
      await assert.rejects(async () => produce(store, wrong, "x"), TypeError);
      await assert.rejects(async () => produce(store, 0, "x", wrong), TypeError);
    }
    const most = Number.MAX_SAFE_INTEGER;
    await produce(store, 0, "a", most, "é".repeat(256));
    assert.deepEqual(await textsOf(store, "q"), ["a"]);
  },

  "a retry is recognised after a restart": needing("restart", async (store, host) => {
    await store.open("q");
    const first = await produce(store, 0, "a", 3);
    await host.restart();
    const retry = await produce(host.store, 0, "a", 3);
    assert.equal(retry.duplicate, true);
    assert.equal(retry.offset, first.offset);
    await rejectsWith("PRODUCER_FENCED", produce(host.store, 1, "x", 2));
    await rejectsWith("PRODUCER_GAP", produce(host.store, 2, "x", 3));
    await produce(host.store, 1, "b", 3);
    assert.deepEqual(await textsOf(host.store, "q"), ["a", "b"]);
  }),

  "a retry is recognised after the death of the process, its messages gone or not": needing(
    "crash",
    async (store, host) => {
      await store.open("q");
      await produce(store, 0, "a");
      await produce(store, 1, "b");
      await store.trim("q", "now");
      await host.crash();
      assert.equal((await produce(host.store, 1, "b")).duplicate, true);
      assert.deepEqual(await textsOf(host.store, "q"), []);
    },
  ),
});
