import assert from "node:assert/strict";
import { isQueueError } from "../errors.ts";
import type { Store } from "../store.ts";
import { type ContractCase, casesOf, needing } from "./contract-case.ts";
import { append, endOf, stateOf, text } from "./contract-steps.ts";

type LiveStore = Store & Required<Pick<Store, "tryRead" | "subscribe">>;

function live(store: Store): LiveStore {
  assert.ok(store.tryRead !== undefined && store.subscribe !== undefined);
  return store as LiveStore;
}

/** Counts the calls of a subscription, and stops it. */
function counted(store: Store, name: string): { readonly calls: number; stop: () => void } {
  let calls = 0;
  const stop = live(store).subscribe(name, () => (calls += 1));
  return {
    get calls() {
      return calls;
    },
    stop,
  };
}

/** The short cuts for live readers. */
export const liveCases: readonly ContractCase[] = casesOf("tryRead and subscribe", {
  "what is tried is what is read, where it is in memory": needing("live", async (store) => {
    await store.open("q");
    const start = await endOf(store, "q");
    await append(store, "q", ["a", "b", "c"]);
    const { messages } = await store.read("q", "start");
    for (const from of ["start", "now", start, ...messages.map(({ offset }) => offset)]) {
      for (const options of [{}, { max: 1 }, { maxBytes: 1 }]) {
        const tried = live(store).tryRead("q", from, options);
        const read = await store.read("q", from, options);
        if (tried !== undefined) assert.deepEqual(tried, read);
      }
    }
    await store.seal("q", { status: "ok" });
    const tried = live(store).tryRead("q", "now");
    if (tried !== undefined) assert.deepEqual(tried.ending, { status: "ok" });
  }),

  "what was just appended can be tried": needing("live", async (store) => {
    await store.open("q");
    const start = await endOf(store, "q");
    await append(store, "q", ["a"]);
    const tried = live(store).tryRead("q", start);
    assert.deepEqual(
      tried?.messages.map(({ data }) => text(data)),
      ["a"],
    );
  }),

  "what read rejects with is thrown": needing("live", async (store) => {
    await store.open("q");
    const codeOf = (name: string, from: string): unknown => {
      try {
        return live(store).tryRead(name, from);
      } catch (error) {
        return isQueueError(error) ? error.code : error;
      }
    };
    const start = await endOf(store, "q");
    await append(store, "q", ["a"]);
    await store.take("q", 1);
    assert.equal(codeOf("nowhere", "start"), "QUEUE_NOT_FOUND");
    assert.equal(codeOf("q", "x"), "OFFSET_INVALID");
    assert.equal(codeOf("q", start), "OFFSET_TRIMMED");
    await store.close();
    assert.equal(codeOf("q", "start"), "STORE_CLOSED");
  }),

  "who subscribed is told of messages, the end, and nothing else": needing(
    "live",
    async (store) => {
      await store.open("q");
      await store.open("other");
      const [one, two] = [counted(store, "q"), counted(store, "q")];
      await append(store, "other", ["x"]);
      assert.equal(one.calls, 0);
      await append(store, "q", ["a"]);
      const first = one.calls;
      assert.ok(first > 0);
      await append(store, "q", ["b"]);
      const second = one.calls;
      assert.ok(second > first);
      await store.seal("q", { status: "ok" });
      assert.ok(one.calls > second);
      assert.equal(two.calls, one.calls);
    },
  ),

  "what one is told of can be read at that moment": needing("live", async (store) => {
    await store.open("q");
    let position = await endOf(store, "q");
    const seen: string[] = [];
    const stop = live(store).subscribe("q", () => {
      const tried = live(store).tryRead("q", position);
      assert.ok(tried, "what was just appended is in memory");
      position = tried.next;
      seen.push(...tried.messages.map(({ data }) => text(data)));
    });
    await Promise.all(["a", "b", "c"].map((value) => append(store, "q", [value])));
    stop();
    assert.deepEqual(seen, ["a", "b", "c"]);
  }),

  "removal and closing are told": needing("live", async (store) => {
    await store.open("q");
    await store.open("r");
    const [removed, closed] = [counted(store, "q"), counted(store, "r")];
    await store.remove("q");
    assert.ok(removed.calls > 0);
    assert.equal(closed.calls, 0);
    await store.close();
    assert.ok(closed.calls > 0);
  }),

  "who stopped is told nothing": needing("live", async (store) => {
    await store.open("q");
    const [one, two] = [counted(store, "q"), counted(store, "q")];
    one.stop();
    one.stop();
    const waiting = store.wait("q", await endOf(store, "q"));
    await append(store, "q", ["a"]);
    assert.equal(one.calls, 0);
    assert.ok(two.calls > 0);
    assert.equal(await stateOf(waiting), "resolved");
  }),

  "expiry is told": needing(["live", "clock"], async (store, host) => {
    await store.open("q", { ttlMs: 1000 });
    const one = counted(store, "q");
    await host.advance(1001);
    assert.ok(one.calls > 0);
  }),
});
