import assert from "node:assert/strict";
import type { Store } from "../store.ts";
import { type ContractCase, casesOf, needing } from "./contract-case.ts";
import { append, endOf, namesIn, rejectsWith, stateOf, textsOf } from "./contract-steps.ts";

/** What renews a sliding TTL. */
const uses: Readonly<Record<string, (store: Store) => Promise<unknown>>> = {
  open: (store) => store.open("q"),
  append: (store) => append(store, "q", ["x"]),
  read: (store) => store.read("q", "start"),
  take: (store) => store.take("q", 1),
  trim: (store) => store.trim("q", "now"),
  "cursors.get": (store) => store.cursors.get("q", "g"),
  "cursors.set": async (store) => store.cursors.set("q", "g", await endOf(store, "q")),
  seal: (store) => store.seal("q", { status: "ok" }),
};

/** What does not. */
const glances: Readonly<Record<string, (store: Store) => Promise<unknown>>> = {
  info: (store) => store.info("q"),
  list: (store) => namesIn(store),
  wait: async (store) => {
    const aborter = new AbortController();
    const waiting = store.wait("q", await endOf(store, "q"), aborter.signal);
    aborter.abort();
    await waiting.catch(() => {});
  },
};

/** Sliding and fixed expiry, and what renews it. */
export const expiryCases: readonly ContractCase[] = casesOf("expiry", {
  "a queue is gone its TTL after it was opened": needing("clock", async (store, host) => {
    await store.open("q", { ttlMs: 1000 });
    await host.advance(999);
    assert.ok(await store.info("q"));
    await host.advance(1);
    assert.equal(await store.info("q"), undefined);
    assert.deepEqual(await namesIn(store), []);
    await rejectsWith("QUEUE_NOT_FOUND", append(store, "q", ["x"]));
    assert.equal((await store.open("q")).created, true);
  }),

  ...Object.fromEntries(
    Object.entries(uses).map(([use, call]) => [
      `${use} renews a TTL`,
      needing("clock", async (store, host) => {
        await store.open("q", { ttlMs: 1000 });
        for (let i = 0; i < 3; i++) {
          await host.advance(800);
          await call(store);
        }
        assert.ok(await store.info("q"));
        await host.advance(1000);
        assert.equal(await store.info("q"), undefined);
      }),
    ]),
  ),

  ...Object.fromEntries(
    Object.entries(glances).map(([glance, call]) => [
      `${glance} does not renew a TTL`,
      needing("clock", async (store, host) => {
        await store.open("q", { ttlMs: 1000 });
        await host.advance(800);
        await call(store);
        await host.advance(200);
        assert.equal(await store.info("q"), undefined);
      }),
    ]),
  ),

  "expiresAt is fixed, whatever happens before": needing("clock", async (store, host) => {
    const { info } = await store.open("clock");
    await store.open("q", { expiresAt: info.createdAt + 1000 });
    await host.advance(800);
    await append(store, "q", ["x"]);
    assert.ok(await store.info("q"));
    await host.advance(200);
    assert.equal(await store.info("q"), undefined);
  }),

  "expired queues are given back without being touched": needing("clock", async (store, host) => {
    for (let i = 0; i < 50; i++) {
      await store.open(`q${i}`, { ttlMs: 100 + i });
      await append(store, `q${i}`, ["x"]);
    }
    await store.open("stays");
    await host.advance(125);
    assert.equal((await store.stats()).queues, 25);
    await host.advance(1000);
    assert.equal((await store.stats()).queues, 1);
    assert.equal((await store.stats()).messages, 0);
  }),

  "the first to expire wakes first, whichever was opened first": needing(
    "clock",
    async (store, host) => {
      await store.open("late", { ttlMs: 2000 });
      await store.open("early", { ttlMs: 1000 });
      const waiting = store.wait("early", await endOf(store, "early"));
      assert.equal(await stateOf(waiting), "pending");
      await host.advance(1001);
      await waiting;
    },
  ),

  "a queue made anew outlives the TTL of the one before it": needing(
    "clock",
    async (store, host) => {
      await store.open("q", { ttlMs: 1000 });
      await store.remove("q");
      await store.open("q");
      await append(store, "q", ["x"]);
      await host.advance(1001);
      assert.deepEqual(await textsOf(store, "q"), ["x"]);
    },
  ),

  "a queue expires over a restart": needing(["clock", "restart"], async (store, host) => {
    await store.open("sliding", { ttlMs: 1000 });
    const { info } = await store.open("kept");
    await store.open("fixed", { expiresAt: info.createdAt + 1000 });
    await host.advance(500);
    await host.restart();
    assert.deepEqual(await namesIn(host.store), ["fixed", "kept", "sliding"]);
    await host.advance(2000);
    assert.deepEqual(await namesIn(host.store), ["kept"]);
    await host.restart();
    assert.deepEqual(await namesIn(host.store), ["kept"]);
  }),
});
