import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { type ContractCase, casesOf, needing } from "./contract-case.ts";
import { append, endOf, rejectsWith, stateOf, textsOf } from "./contract-steps.ts";

/** What wakes those who wait, and what they leave behind. */
export const waitCases: readonly ContractCase[] = casesOf("wait", {
  "resolves at once when there is something to read": async (store) => {
    await store.open("q");
    const start = await endOf(store, "q");
    await append(store, "q", ["a"]);
    await store.wait("q", start);
  },

  "resolves at once at the end of a sealed queue": async (store) => {
    await store.open("q");
    const { offset } = await store.seal("q", { status: "ok" });
    await store.wait("q", offset);
  },

  "resolves with the next message, which can then be read": async (store) => {
    await store.open("q");
    const { offset } = await append(store, "q", ["a"]);
    const waiting = store.wait("q", offset);
    assert.equal(await stateOf(waiting), "pending");
    await append(store, "q", ["b"]);
    await waiting;
    assert.deepEqual(await textsOf(store, "q", offset), ["b"]);
  },

  "is not woken by another queue": async (store) => {
    await store.open("q");
    await store.open("other");
    const waiting = store.wait("q", await endOf(store, "q"));
    await append(store, "other", ["x"]);
    assert.equal(await stateOf(waiting), "pending");
    await append(store, "q", ["a"]);
    await waiting;
  },

  "every waiter is woken": async (store) => {
    await store.open("q");
    const start = await endOf(store, "q");
    const waiting = Array.from({ length: 20 }, () => store.wait("q", start));
    await append(store, "q", ["a"]);
    await Promise.all(waiting);
  },

  "the seal wakes": async (store) => {
    await store.open("q");
    const waiting = store.wait("q", await endOf(store, "q"));
    await store.seal("q", { status: "ok" });
    await waiting;
  },

  "removal wakes, and the next read tells": async (store) => {
    await store.open("q");
    const start = await endOf(store, "q");
    const waiting = store.wait("q", start);
    // A store in another process has begun to wait once it answers the next call.
    await store.info("q");
    await store.remove("q");
    await waiting;
    await rejectsWith("QUEUE_NOT_FOUND", store.read("q", start));
  },

  "an abort rejects with its reason and leaves no listener": async (store) => {
    await store.open("q");
    const start = await endOf(store, "q");
    const aborter = new AbortController();
    const waiting = store.wait("q", start, aborter.signal);
    const others = store.wait("q", start);
    assert.equal(await stateOf(waiting), "pending");
    const reason = new Error("enough");
    aborter.abort(reason);
    await assert.rejects(waiting, (error) => error === reason);
    assert.equal(getEventListeners(aborter.signal, "abort").length, 0);
    assert.equal(await stateOf(others), "pending");
    await append(store, "q", ["a"]);
    await others;
  },

  "a signal that is aborted already rejects at once": async (store) => {
    await store.open("q");
    const reason = new Error("enough");
    const waiting = store.wait("q", await endOf(store, "q"), AbortSignal.abort(reason));
    await assert.rejects(waiting, (error) => error === reason);
  },

  "being woken leaves no listener": async (store) => {
    await store.open("q");
    const { signal } = new AbortController();
    for (let i = 0; i < 5; i++) {
      const waiting = store.wait("q", await endOf(store, "q"), signal);
      await append(store, "q", ["a"]);
      await waiting;
    }
    assert.equal(getEventListeners(signal, "abort").length, 0);
  },

  "a queue that is not there rejects": async (store) => {
    const { offset } = await store.open("q").then(() => append(store, "q", ["a"]));
    await rejectsWith("QUEUE_NOT_FOUND", store.wait("nowhere", offset));
  },

  "closing the store rejects those who wait": async (store) => {
    await store.open("q");
    const { signal } = new AbortController();
    const waiting = rejectsWith("STORE_CLOSED", store.wait("q", await endOf(store, "q"), signal));
    await store.close();
    await waiting;
    assert.equal(getEventListeners(signal, "abort").length, 0);
  },

  "messages are neither missed nor repeated by one who waits and reads": async (store) => {
    const { info } = await store.open("q");
    const seen: string[] = [];
    const reading = (async () => {
      for (let from = info.tail; ;) {
        await store.wait("q", from);
        const { messages, next, ending } = await store.read("q", from, { max: 7 });
        for (const message of messages) seen.push(new TextDecoder().decode(message.data));
        if (ending !== undefined) return;
        from = next;
      }
    })();
    const values = Array.from({ length: 200 }, (_, i) => `${i}`);
    for (const value of values) {
      const receipt = append(store, "q", [value]);
      if (Number(value) % 3 === 0) await receipt;
    }
    await store.seal("q", { status: "ok" });
    await reading;
    assert.deepEqual(seen, values);
  },

  "expiry wakes, and the next read tells": needing("clock", async (store, host) => {
    await store.open("q", { ttlMs: 1000 });
    const start = await endOf(store, "q");
    const waiting = store.wait("q", start);
    await host.advance(999);
    assert.equal(await stateOf(waiting), "pending");
    await host.advance(2);
    await waiting;
    await rejectsWith("QUEUE_NOT_FOUND", store.read("q", start));
  }),
});
