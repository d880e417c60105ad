import assert from "node:assert/strict";
import type { OpenOptions } from "../store.ts";
import { type ContractCase, casesOf, needing } from "./contract-case.ts";
import { append, bytes, namesIn, rejectsWith, textsOf } from "./contract-steps.ts";

/** Making, finding, naming, limiting and listing queues. */
export const openCases: readonly ContractCase[] = casesOf("open, info and list", {
  "creates once and finds afterwards": async (store) => {
    const first = await store.open("q");
    const second = await store.open("q");
    assert.equal(first.created, true);
    assert.equal(second.created, false);
    assert.equal(second.info.id, first.info.id);
    assert.equal(second.info.createdAt, first.info.createdAt);
  },

  "of concurrent opens exactly one creates": async (store) => {
    const results = await Promise.all(Array.from({ length: 10 }, () => store.open("q")));
    assert.equal(results.filter((result) => result.created).length, 1);
    assert.equal(new Set(results.map((result) => result.info.id)).size, 1);
  },

  "the same options find it, others do not, none always do": async (store) => {
    const options: OpenOptions = {
      metadata: { type: "text/plain", note: "é" },
      ttlMs: 60_000,
      maxMessages: 10,
      maxBytes: 1000,
    };
    await store.open("q", options);
    assert.equal((await store.open("q", { ...options })).created, false);
    assert.equal((await store.open("q")).created, false);
    const others: OpenOptions[] = [
      {},
      { ...options, metadata: { type: "text/plain" } },
      { ...options, metadata: { type: "text/html", note: "é" } },
      { ...options, ttlMs: 60_001 },
      { ...options, maxMessages: 11 },
      { ...options, maxBytes: 1001 },
      { ...options, owned: true },
    ];
    for (const other of others) await rejectsWith("QUEUE_EXISTS", store.open("q", other));
    const expiresAt = Date.now() + 24 * 3600_000;
    await store.open("fixed", { expiresAt });
    assert.equal((await store.open("fixed", { expiresAt })).created, false);
    await rejectsWith("QUEUE_EXISTS", store.open("fixed", { expiresAt: expiresAt + 1 }));
  },

  "info tells what the queue is": async (store) => {
    const before = Date.now() - 24 * 3600_000;
    const metadata = { type: "json", __proto__x: "1" };
    await store.open("q", { metadata, ttlMs: 60_000, maxMessages: 9, maxBytes: 99 });
    const { offset } = await append(store, "q", ["abc", "de"]);
    const info = await store.info("q");
    assert.ok(info);
    const { id, createdAt, head, ...rest } = info;
    assert.ok(id.length > 0 && createdAt > before && head < offset);
    assert.deepEqual(rest, {
      name: "q",
      tail: offset,
      messages: 2,
      bytes: 5,
      metadata,
      ttlMs: 60_000,
      owned: false,
      maxMessages: 9,
      maxBytes: 99,
    });
    assert.equal(await store.info("nowhere"), undefined);
  },

  "options that no queue can have are a TypeError": async (store) => {
    const wrong: OpenOptions[] = [
      { ttlMs: 1, expiresAt: 1 },
      { ttlMs: -1 },
      { ttlMs: Number.NaN },
      { expiresAt: 0.5 },
      { maxMessages: -1 },
      { maxBytes: Infinity },
      { metadata: { big: "x".repeat(65_536) } },
      { metadata: { count: 1 as unknown as string } },
    ];
    for (const options of wrong) {
      await assert.rejects(async () => store.open("q", options), TypeError);
    }
    assert.equal(await store.info("q"), undefined);
  },

  "a queue may be created with its first messages and its end": async (store) => {
    await store.open("q", { messages: [bytes("a"), bytes("b")], ending: { status: "ok" } });
    assert.deepEqual(await textsOf(store, "q"), ["a", "b"]);
    assert.deepEqual((await store.read("q", "now")).ending, { status: "ok" });
    await store.open("empty", { ending: { status: "aborted" } });
    await rejectsWith("QUEUE_SEALED", append(store, "empty", ["x"]));
    await store.open("open", { messages: [bytes("a")] });
    await append(store, "open", ["b"]);
    assert.deepEqual(await textsOf(store, "open"), ["a", "b"]);
  },

  "first messages and end are of no account when the queue exists": async (store) => {
    await store.open("q", { messages: [bytes("a")] });
    const again = await store.open("q", { messages: [bytes("b")], ending: { status: "ok" } });
    assert.equal(again.created, false);
    await append(store, "q", ["c"]);
    assert.deepEqual(await textsOf(store, "q"), ["a", "c"]);
  },

  "a queue whose first messages are refused is not created": async (store) => {
    const messages = [bytes("a"), bytes("b")];
    await rejectsWith("QUEUE_FULL", store.open("q", { messages, maxMessages: 1 }));
    const large = [new Uint8Array(store.capabilities.maxMessageBytes + 1)];
    await rejectsWith("MESSAGE_TOO_LARGE", store.open("q", { messages: large }));
    assert.equal(await store.info("q"), undefined);
    assert.equal((await store.open("q")).created, true);
  },

  "first messages and end outlive a restart": needing("restart", async (store, host) => {
    await store.open("q", { messages: [bytes("a")], ending: { status: "ok" } });
    await host.restart();
    const { messages, ending } = await host.store.read("q", "start");
    assert.equal(messages.length, 1);
    assert.deepEqual(ending, { status: "ok" });
  }),

  "names are free text": async (store) => {
    const names = ["../x", "CON", "a/b", " ", "😀", "é", "e\u0301", "a\nb", "x".repeat(4096), "."];
    for (const name of names) {
      await store.open(name);
      await append(store, name, [name]);
    }
    for (const name of names) {
      assert.deepEqual(await textsOf(store, name), [name]);
      assert.equal((await store.info(name))?.name, name);
    }
    assert.equal((await namesIn(store)).length, names.length);
  },

  "names that are none are refused": async (store) => {
    for (const name of ["", "a\0b", "\0", "x".repeat(4097), "é".repeat(2049), "\ud800"]) {
      await rejectsWith("NAME_INVALID", store.open(name));
      await rejectsWith("NAME_INVALID", append(store, name, ["x"]));
      await rejectsWith("NAME_INVALID", store.read(name, "start"));
    }
  },

  "list gives the names with a prefix, sorted bytewise": async (store) => {
    const names = ["b", "a/2", "a/10", "a", "aa", "\uffff", "😀", "B"];
    for (const name of names) await store.open(name);
    const sorted = ["B", "a", "a/10", "a/2", "aa", "b", "\uffff", "😀"];
    assert.deepEqual(await namesIn(store), sorted);
    assert.deepEqual(await namesIn(store, "a/"), ["a/10", "a/2"]);
    assert.deepEqual(await namesIn(store, "none"), []);
  },

  "list may be left early, and queues may go meanwhile": async (store) => {
    for (const name of ["a", "b", "c"]) await store.open(name);
    const seen: string[] = [];
    for await (const info of store.list()) {
      seen.push(info.name);
      if (info.name === "a") await store.remove("c");
      if (info.name === "b") break;
    }
    assert.deepEqual(seen, ["a", "b"]);
  },

  "stats count queues and messages": async (store) => {
    await store.open("a");
    await store.open("b");
    await append(store, "a", ["xx", "yy"]);
    const stats = await store.stats();
    assert.equal(stats.queues, 2);
    assert.equal(stats.messages, 2);
    assert.equal(stats.bytes, 4);
    await store.remove("a");
    assert.equal((await store.stats()).messages, 0);
  },

  "maxMessages: what would leave more is refused whole": async (store) => {
    await store.open("q", { maxMessages: 3 });
    await append(store, "q", ["a", "b"]);
    await rejectsWith("QUEUE_FULL", append(store, "q", ["c", "d"]));
    await append(store, "q", ["c"]);
    await rejectsWith("QUEUE_FULL", append(store, "q", ["d"]));
    await store.take("q", 1);
    await append(store, "q", ["d"]);
    assert.deepEqual(await textsOf(store, "q"), ["b", "c", "d"]);
  },

  "maxBytes: counts payload, and trimming frees it": async (store) => {
    await store.open("q", { maxBytes: 10 });
    await append(store, "q", ["12345", "12345"]);
    await rejectsWith("QUEUE_FULL", append(store, "q", ["1"]));
    await store.append("q", [bytes("")]);
    await store.trim("q", "now");
    await append(store, "q", ["1234567890"]);
  },

  "options outlive a restart": needing("restart", async (store, host) => {
    await store.open("q", { metadata: { a: "1" }, ttlMs: 60_000, maxMessages: 2, maxBytes: 100 });
    await append(store, "q", ["a"]);
    const before = await store.info("q");
    await host.restart();
    assert.deepEqual(await host.store.info("q"), before);
    await rejectsWith("QUEUE_FULL", append(host.store, "q", ["b", "c"]));
  }),
});
