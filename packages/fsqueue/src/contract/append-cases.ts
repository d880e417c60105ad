import assert from "node:assert/strict";
import { type ContractCase, casesOf, needing } from "./contract-case.ts";
import { append, bytes, endOf, rejectsWith, text, textsOf } from "./contract-steps.ts";

/** Order, offsets, batches, `expect` and `order` of appends. */
export const appendCases: readonly ContractCase[] = casesOf("append", {
  "messages are read in the order of the calls, awaited or not": async (store) => {
    await store.open("q");
    await Promise.all(Array.from({ length: 100 }, (_, i) => append(store, "q", [`${i}`, `${i}b`])));
    const expected = Array.from({ length: 100 }, (_, i) => [`${i}`, `${i}b`]).flat();
    assert.deepEqual(await textsOf(store, "q"), expected);
  },

  "queues do not see each other's messages": async (store) => {
    const names = ["a", "b", "a/b", "a-b"];
    for (const name of names) await store.open(name);
    await Promise.all(
      Array.from({ length: 40 }, (_, i) => append(store, names[i % 4] ?? "", [`${i % 4}`])),
    );
    for (const [index, name] of names.entries()) {
      assert.deepEqual(
        await textsOf(store, name),
        Array.from({ length: 10 }, () => `${index}`),
      );
    }
  },

  "any bytes come back as they were, an empty message too": async (store) => {
    await store.open("q");
    const all = Uint8Array.from({ length: 256 }, (_, i) => i);
    const large = Uint8Array.from({ length: 100_000 }, (_, i) => (i * 31) & 255);
    await store.append("q", [all, new Uint8Array(0), large]);
    const { messages } = await store.read("q", "start");
    assert.deepEqual(
      messages.map((message) => Buffer.from(message.data).toString("hex")),
      [all, new Uint8Array(0), large].map((data) => Buffer.from(data).toString("hex")),
    );
  },

  "a buffer may be used again as soon as append has been called": async (store) => {
    await store.open("q");
    const buffer = bytes("before");
    const receipt = store.append("q", [buffer]);
    buffer.set(bytes("after!"));
    await receipt;
    assert.deepEqual(await textsOf(store, "q"), ["before"]);
  },

  "offsets sort bytewise in the order of the messages and are short and plain": async (store) => {
    await store.open("q");
    const receipts = [];
    for (let i = 0; i < 300; i++) receipts.push(await append(store, "q", ["x"]));
    const offsets = receipts.map((receipt) => receipt.offset);
    for (const offset of offsets) assert.match(offset, /^[0-9a-zA-Z_-]{1,255}$/);
    assert.deepEqual(offsets.toSorted(), offsets);
    assert.equal(new Set(offsets).size, offsets.length);
    const { messages } = await store.read("q", "start");
    assert.deepEqual(
      messages.map((message) => message.offset),
      offsets,
    );
  },

  "the receipt's offset is that of the last message": async (store) => {
    await store.open("q");
    const receipt = await append(store, "q", ["a", "b"]);
    const { messages, next } = await store.read("q", "start");
    assert.equal(messages.at(-1)?.offset, receipt.offset);
    assert.equal(next, receipt.offset);
    assert.equal(receipt.duplicate, false);
    assert.equal(receipt.sequence, undefined);
    await receipt.durable;
  },

  "times never decrease": async (store) => {
    await store.open("q");
    for (let i = 0; i < 20; i++) await append(store, "q", ["x"]);
    const times = (await store.read("q", "start")).messages.map((message) => message.time);
    assert.deepEqual(
      times.toSorted((a, b) => a - b),
      times,
    );
  },

  "times never decrease, even when the clock goes back": needing("clock", async (store, host) => {
    await store.open("q");
    await append(store, "q", ["a"]);
    await host.advance(-1000);
    await append(store, "q", ["b"]);
    const [first, second] = (await store.read("q", "start")).messages;
    assert.ok(first && second && first.time <= second.time);
  }),

  "an empty batch is a TypeError": async (store) => {
    await store.open("q");
    await assert.rejects(async () => store.append("q", []), TypeError);
  },

  "a message over the limit is refused, with everything in its batch": async (store) => {
    await store.open("q");
    const size = store.capabilities.maxMessageBytes + 1;
    const batch = [bytes("small"), new Uint8Array(size)];
    await rejectsWith("MESSAGE_TOO_LARGE", store.append("q", batch));
    assert.deepEqual(await textsOf(store, "q"), []);
  },

  "a message of exactly the limit is taken": async (store) => {
    await store.open("q");
    const size = Math.min(store.capabilities.maxMessageBytes, 16 << 20);
    const data = new Uint8Array(size).fill(7);
    await store.append("q", [data]);
    const { messages } = await store.read("q", "start");
    assert.ok(messages[0] && Buffer.from(messages[0].data).equals(data));
  },

  "with an aborted signal nothing is appended": async (store) => {
    await store.open("q");
    const signal = AbortSignal.abort(new Error("enough"));
    await assert.rejects(async () => append(store, "q", ["x"], { signal }), /enough/);
    assert.deepEqual(await textsOf(store, "q"), []);
  },

  "a queue that was never opened is not found": async (store) => {
    await rejectsWith("QUEUE_NOT_FOUND", append(store, "nowhere", ["x"]));
  },

  "a durable append has a resolved durable promise": async (store) => {
    await store.open("q");
    const receipt = await append(store, "q", ["x"], { durable: true });
    await receipt.durable;
    await store.flush();
  },

  "expect: appends only at this end": async (store) => {
    await store.open("q");
    const start = await endOf(store, "q");
    const { offset } = await append(store, "q", ["a"], { expect: start });
    await rejectsWith("OFFSET_CONFLICT", append(store, "q", ["b"], { expect: start }));
    await append(store, "q", ["c"], { expect: offset });
    assert.deepEqual(await textsOf(store, "q"), ["a", "c"]);
  },

  "expect: of concurrent appends exactly one succeeds": async (store) => {
    await store.open("q");
    const expect = await endOf(store, "q");
    const results = await Promise.allSettled(
      Array.from({ length: 8 }, (_, i) => append(store, "q", [`${i}`], { expect })),
    );
    assert.equal(results.filter((result) => result.status === "fulfilled").length, 1);
    assert.deepEqual(await textsOf(store, "q"), ["0"]);
  },

  "order: must sort bytewise after the last one given": async (store) => {
    await store.open("q");
    await append(store, "q", ["a"], { order: "m" });
    for (const order of ["m", "l", "M", ""]) {
      await rejectsWith("ORDER_CONFLICT", append(store, "q", ["no"], { order }));
    }
    await append(store, "q", ["b"]);
    await append(store, "q", ["c"], { order: "\uffff" });
    // U+1F600 sorts after U+FFFF in UTF-8, but before it in UTF-16.
    await append(store, "q", ["d"], { order: "\u{1f600}" });
    assert.deepEqual(await textsOf(store, "q"), ["a", "b", "c", "d"]);
  },

  "a rejected append leaves no trace of its order": async (store) => {
    await store.open("q");
    const expect = await endOf(store, "q");
    await append(store, "q", ["a"], { order: "1" });
    await rejectsWith("OFFSET_CONFLICT", append(store, "q", ["b"], { order: "5", expect }));
    await append(store, "q", ["c"], { order: "2" });
  },

  "messages, offsets, times and order outlive a restart": needing(
    "restart",
    async (store, host) => {
      await store.open("q");
      await append(store, "q", ["a", "b"], { order: "5" });
      const before = await store.read("q", "start");
      await host.restart();
      const after = await host.store.read("q", "start");
      assert.deepEqual(
        after.messages.map(({ offset, time, data }) => ({ offset, time, data: text(data) })),
        before.messages.map(({ offset, time, data }) => ({ offset, time, data: text(data) })),
      );
      await rejectsWith("ORDER_CONFLICT", append(host.store, "q", ["c"], { order: "5" }));
      const { offset } = await append(host.store, "q", ["c"], { order: "6" });
      assert.ok(offset > after.next);
    },
  ),

  "what was acknowledged outlives the death of the process": needing(
    "crash",
    async (store, host) => {
      await store.open("q");
      for (let i = 0; i < 10; i++) await append(store, "q", [`${i}`]);
      await host.crash();
      assert.deepEqual(
        await textsOf(host.store, "q"),
        Array.from({ length: 10 }, (_, i) => `${i}`),
      );
    },
  ),
});
