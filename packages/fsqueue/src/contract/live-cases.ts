import assert from "node:assert/strict";
import { isQueueError } from "../errors.ts";
import type { LiveReader, Position, Store, StoredMessage } from "../store.ts";
import { type ContractCase, casesOf, needing } from "./contract-case.ts";
import { append, endOf, stateOf, text } from "./contract-steps.ts";

interface Followed extends LiveReader {
  /** How often it was told. */
  readonly calls: number;
}

function follow(
  store: Store,
  name: string,
  from: Position = "start",
  changed: () => void = () => {},
): Followed {
  assert.ok(store.follow !== undefined);
  let calls = 0;
  const reader = store.follow(name, from, {
    changed() {
      calls += 1;
      changed();
    },
  });
  return Object.defineProperty(reader, "calls", { get: () => calls }) as Followed;
}

/** All that is there for the reader, in memory or not. */
async function drain(store: Store, name: string, reader: LiveReader): Promise<StoredMessage[]> {
  const messages: StoredMessage[] = [];
  for (;;) {
    const message = reader.next();
    if (message !== undefined) messages.push(message);
    else if (!reader.behind) return messages;
    else {
      const read = await store.read(name, reader.offset, { max: 2 });
      messages.push(...read.messages);
      reader.moveTo(read.next);
    }
  }
}

function codeOf(run: () => unknown): unknown {
  try {
    run();
    return undefined;
  } catch (error) {
    return isQueueError(error) ? error.code : error;
  }
}

/** The short cut for live readers. */
export const liveCases: readonly ContractCase[] = casesOf("follow", {
  "a reader is given what a read gives, from every position": needing("live", async (store) => {
    await store.open("q");
    const start = await endOf(store, "q");
    await append(store, "q", ["a", "b", "c"]);
    const { messages } = await store.read("q", "start");
    for (const from of ["start", "now", start, ...messages.map(({ offset }) => offset)]) {
      const reader = follow(store, "q", from);
      const read = await store.read("q", from);
      assert.deepEqual(await drain(store, "q", reader), read.messages);
      assert.equal(reader.offset, read.next);
      assert.equal(reader.ending, undefined);
      reader.close();
    }
  }),

  "a reader knows how the queue ended once it is there": needing("live", async (store) => {
    await store.open("q");
    await append(store, "q", ["a"]);
    await store.seal("q", { status: "ok" });
    const reader = follow(store, "q");
    assert.equal(reader.ending, undefined);
    await drain(store, "q", reader);
    assert.deepEqual(reader.ending, { status: "ok" });
    assert.deepEqual(follow(store, "q", "now").ending, { status: "ok" });
  }),

  "what was just appended is in memory": needing("live", async (store) => {
    await store.open("q");
    const reader = follow(store, "q", "now");
    assert.equal(reader.next(), undefined);
    await append(store, "q", ["a"]);
    const message = reader.next();
    assert.equal(message === undefined ? undefined : text(message.data), "a");
    assert.equal(message?.offset, reader.offset);
  }),

  "a reader of a fork goes on from its origin's messages": needing(
    ["live", "forks"],
    async (store) => {
      await store.open("origin");
      await append(store, "origin", ["a", "b"]);
      await store.open("fork", { fork: { from: "origin" } });
      await append(store, "fork", ["c"]);
      const messages = await drain(store, "fork", follow(store, "fork"));
      assert.deepEqual(
        messages.map(({ data }) => text(data)),
        ["a", "b", "c"],
      );
    },
  ),

  "what read rejects with is thrown": needing("live", async (store) => {
    await store.open("q");
    const start = await endOf(store, "q");
    const late = follow(store, "q", start);
    await append(store, "q", ["a", "b"]);
    await store.take("q", 1);
    assert.equal(
      codeOf(() => follow(store, "nowhere")),
      "QUEUE_NOT_FOUND",
    );
    assert.equal(
      codeOf(() => follow(store, "q", "x")),
      "OFFSET_INVALID",
    );
    assert.equal(
      codeOf(() => follow(store, "q", start)),
      "OFFSET_TRIMMED",
    );
    assert.equal(
      codeOf(() => late.next()),
      "OFFSET_TRIMMED",
    );
    const reader = follow(store, "q");
    await store.close();
    assert.equal(
      codeOf(() => reader.next()),
      "STORE_CLOSED",
    );
    assert.equal(
      codeOf(() => follow(store, "q")),
      "STORE_CLOSED",
    );
  }),

  "who follows is told of messages, the end, and nothing else": needing("live", async (store) => {
    await store.open("q");
    await store.open("other");
    const [one, two] = [follow(store, "q"), follow(store, "q")];
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
  }),

  "what one is told of can be read at that moment": needing("live", async (store) => {
    await store.open("q");
    const seen: string[] = [];
    const reader = follow(store, "q", "start", () => {
      for (let message = reader.next(); message !== undefined; message = reader.next()) {
        seen.push(text(message.data));
      }
    });
    await Promise.all(["a", "b", "c"].map((value) => append(store, "q", [value])));
    reader.close();
    assert.deepEqual(seen, ["a", "b", "c"]);
  }),

  "removal and closing are told, and then thrown": needing("live", async (store) => {
    await store.open("q");
    await store.open("r");
    const [removed, closed] = [follow(store, "q"), follow(store, "r")];
    await store.remove("q");
    assert.ok(removed.calls > 0);
    assert.equal(
      codeOf(() => removed.next()),
      "QUEUE_NOT_FOUND",
    );
    assert.equal(closed.calls, 0);
    await store.close();
    assert.ok(closed.calls > 0);
    assert.equal(
      codeOf(() => closed.next()),
      "STORE_CLOSED",
    );
  }),

  "who followed a removed queue is not given the messages of the next one of that name": needing(
    "live",
    async (store) => {
      await store.open("q");
      const reader = follow(store, "q");
      await store.remove("q");
      await store.open("q");
      await append(store, "q", ["another's"]);
      assert.equal(
        codeOf(() => reader.next()),
        "QUEUE_NOT_FOUND",
      );
    },
  ),

  "who closed is told nothing": needing("live", async (store) => {
    await store.open("q");
    const [one, two] = [follow(store, "q"), follow(store, "q")];
    one.close();
    one.close();
    const waiting = store.wait("q", await endOf(store, "q"));
    await append(store, "q", ["a"]);
    assert.equal(one.calls, 0);
    assert.ok(two.calls > 0);
    assert.equal(await stateOf(waiting), "resolved");
  }),

  "expiry is told": needing(["live", "clock"], async (store, host) => {
    await store.open("q", { ttlMs: 1000 });
    const one = follow(store, "q");
    await host.advance(1001);
    assert.ok(one.calls > 0);
    assert.equal(
      codeOf(() => one.next()),
      "QUEUE_NOT_FOUND",
    );
  }),

  "reading on renews a TTL": needing(["live", "clock"], async (store, host) => {
    await store.open("q", { ttlMs: 1000 });
    const one = follow(store, "q");
    for (let turn = 0; turn < 3; turn++) {
      await host.advance(600);
      assert.equal(one.next(), undefined);
    }
    assert.notEqual(await store.info("q"), undefined);
  }),
});
