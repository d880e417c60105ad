import assert from "node:assert/strict";
import { type ContractCase, casesOf } from "./contract-case.ts";
import { append, bytes, endOf, rejectsWith, text, textsOf } from "./contract-steps.ts";

/** Reading from every kind of position, within limits. */
export const readCases: readonly ContractCase[] = casesOf("read", {
  "an empty queue is at its end": async (store) => {
    const { info } = await store.open("q");
    assert.equal(info.head, info.tail);
    for (const from of ["start", "now", info.head] as const) {
      const result = await store.read("q", from);
      assert.deepEqual(result.messages, []);
      assert.equal(result.next, info.tail);
      assert.equal(result.atEnd, true);
    }
  },

  "continues with the message after an offset": async (store) => {
    await store.open("q");
    await append(store, "q", ["a", "b", "c"]);
    const all = (await store.read("q", "start")).messages;
    const rest = all.map((message) => textsOf(store, "q", message.offset));
    assert.deepEqual(await Promise.all(rest), [["b", "c"], ["c"], []]);
    assert.deepEqual(await textsOf(store, "q", "now"), []);
  },

  "stops at max, and next reads on": async (store) => {
    await store.open("q");
    await append(store, "q", ["a", "b", "c"]);
    const first = await store.read("q", "start", { max: 2 });
    assert.deepEqual(
      first.messages.map((message) => text(message.data)),
      ["a", "b"],
    );
    assert.equal(first.next, first.messages[1]?.offset);
    assert.equal(first.atEnd, false);
    const second = await store.read("q", first.next, { max: 2 });
    assert.deepEqual(
      second.messages.map((message) => text(message.data)),
      ["c"],
    );
    assert.equal(second.atEnd, true);
  },

  "gives at most 1,000 messages unless told": async (store) => {
    await store.open("q");
    await store.append(
      "q",
      Array.from({ length: 1001 }, () => bytes("x")),
    );
    const { messages, atEnd } = await store.read("q", "start");
    assert.equal(messages.length, 1000);
    assert.equal(atEnd, false);
  },

  "stops after the message with which maxBytes is reached": async (store) => {
    await store.open("q");
    await append(store, "q", ["aaaa", "bbbb", "cccc"]);
    const counts = [1, 4, 5, 8, 9, 100].map(async (maxBytes) => {
      return (await store.read("q", "start", { maxBytes })).messages.length;
    });
    assert.deepEqual(await Promise.all(counts), [1, 1, 2, 2, 3, 3]);
  },

  "offsets that are none are refused": async (store) => {
    await store.open("q");
    await append(store, "q", ["a"]);
    for (const wrong of ["", "-1", "x", "0", "../q", "9".repeat(300), "\0"]) {
      await rejectsWith("OFFSET_INVALID", store.read("q", wrong));
      await rejectsWith("OFFSET_INVALID", store.wait("q", wrong));
    }
  },

  "an offset beyond the end is refused": async (store) => {
    await store.open("long");
    await store.open("q");
    const { offset } = await append(store, "long", ["a", "b", "c"]);
    await rejectsWith("OFFSET_INVALID", store.read("q", offset));
  },

  "an offset before the head is told apart": async (store) => {
    await store.open("q");
    await append(store, "q", ["a", "b"]);
    const first = (await store.read("q", "start")).messages[0]?.offset ?? "";
    const { head } = (await store.open("q")).info;
    await store.trim("q", first);
    await rejectsWith("OFFSET_TRIMMED", store.read("q", head), { head: first });
    assert.deepEqual(await textsOf(store, "q", first), ["b"]);
    assert.deepEqual(await textsOf(store, "q", "start"), ["b"]);
  },

  "readers do not disturb each other": async (store) => {
    await store.open("q");
    await append(store, "q", ["a", "b"]);
    const [one, two] = await Promise.all([textsOf(store, "q"), textsOf(store, "q")]);
    assert.deepEqual(one, ["a", "b"]);
    assert.deepEqual(two, ["a", "b"]);
  },

  "a long queue is read in order, from every point": async (store) => {
    await store.open("q");
    const values = Array.from({ length: 3000 }, (_, i) => `${i}`.padStart(1 + (i % 50), "."));
    for (let at = 0; at < values.length; at += 100) {
      await append(store, "q", values.slice(at, at + 100));
    }
    assert.deepEqual(await textsOf(store, "q"), values);
    const middle = (await store.read("q", "start", { max: 777 })).next;
    assert.deepEqual(await textsOf(store, "q", middle), values.slice(777));
    assert.equal(await endOf(store, "q"), (await store.read("q", "now")).next);
  },
});
