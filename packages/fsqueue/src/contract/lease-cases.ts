import assert from "node:assert/strict";
import type { Delivery, Leases, Store } from "../store.ts";
import { type ContractCase, casesOf, needing } from "./contract-case.ts";
import { append, text } from "./contract-steps.ts";

function leasesOf(store: Store): Leases {
  assert.ok(store.leases, "a store with the capability has leases");
  return store.leases;
}

const acquire = (store: Store, max: number, group = "g", visibilityMs = 1000, maxDeliveries = 3) =>
  leasesOf(store).acquire("q", group, { max, visibilityMs, maxDeliveries });

const texts = (deliveries: readonly Delivery[]) => deliveries.map(({ data }) => text(data));
const offsets = (deliveries: readonly Delivery[]) => deliveries.map(({ offset }) => offset);

async function withMessages(store: Store, ...values: string[]): Promise<void> {
  await store.open("q");
  await append(store, "q", values);
}

/** Leases, acknowledgements, and messages that use up their deliveries. */
export const leaseCases: readonly ContractCase[] = casesOf("leases", {
  "each message goes to one consumer of a group, in order": needing("leases", async (store) => {
    await withMessages(store, "a", "b", "c", "d", "e");
    const handed = await Promise.all([acquire(store, 2), acquire(store, 2), acquire(store, 2)]);
    assert.deepEqual(handed.map(texts), [["a", "b"], ["c", "d"], ["e"]]);
    assert.deepEqual(
      handed.flat().map(({ deliveries }) => deliveries),
      [1, 1, 1, 1, 1],
    );
    assert.deepEqual(await acquire(store, 2), []);
  }),

  "groups are independent": needing("leases", async (store) => {
    await withMessages(store, "a");
    assert.deepEqual(texts(await acquire(store, 9, "g")), ["a"]);
    assert.deepEqual(texts(await acquire(store, 9, "h")), ["a"]);
  }),

  "what was acknowledged does not come again": needing(["leases", "clock"], async (store, host) => {
    await withMessages(store, "a", "b", "c");
    const [first, second] = await acquire(store, 2);
    assert.ok(first && second);
    await leasesOf(store).acknowledge("q", "g", [second.offset]);
    await leasesOf(store).acknowledge("q", "g", [second.offset, "no-offset"]);
    await host.advance(1001);
    const again = await acquire(store, 9);
    assert.deepEqual(texts(again), ["a", "c"]);
    assert.deepEqual(
      again.map(({ deliveries }) => deliveries),
      [2, 1],
    );
  }),

  "a lease ends after its visibility": needing(["leases", "clock"], async (store, host) => {
    await withMessages(store, "a");
    await acquire(store, 1);
    await host.advance(999);
    assert.deepEqual(await acquire(store, 1), []);
    await host.advance(2);
    assert.deepEqual(texts(await acquire(store, 1)), ["a"]);
  }),

  "what is released can be had at once": needing("leases", async (store) => {
    await withMessages(store, "a", "b");
    const handed = await acquire(store, 2);
    await leasesOf(store).release("q", "g", offsets(handed).slice(0, 1));
    const again = await acquire(store, 2);
    assert.deepEqual(texts(again), ["a"]);
    assert.equal(again[0]?.deliveries, 2);
  }),

  "after its limit of deliveries a message is dead": needing("leases", async (store) => {
    await withMessages(store, "a", "b");
    for (let i = 1; i <= 3; i++) {
      const handed = await acquire(store, 1);
      assert.equal(handed[0]?.deliveries, i);
      assert.deepEqual(await leasesOf(store).dead("q", "g"), [], "leased is not dead");
      await leasesOf(store).release("q", "g", offsets(handed));
    }
    assert.deepEqual(texts(await acquire(store, 1)), ["b"]);
    const dead = await leasesOf(store).dead("q", "g");
    assert.deepEqual(texts(dead), ["a"]);
    assert.equal(dead[0]?.deliveries, 3);
    await leasesOf(store).acknowledge("q", "g", offsets(dead));
    assert.deepEqual(await leasesOf(store).dead("q", "g"), []);
  }),

  "nextExpiry is when the next lease ends": needing(["leases", "clock"], async (store, host) => {
    await withMessages(store, "a", "b");
    const leases = leasesOf(store);
    assert.equal(await leases.nextExpiry("q", "g"), undefined);
    await acquire(store, 1, "g", 1000);
    const first = await leases.nextExpiry("q", "g");
    assert.ok(first);
    await acquire(store, 1, "g", 500);
    assert.equal(await leases.nextExpiry("q", "g"), first - 500);
    await host.advance(600);
    assert.equal(await leases.nextExpiry("q", "g"), first);
  }),

  "trimmed messages are neither handed out nor dead": needing("leases", async (store) => {
    await withMessages(store, "a", "b", "c");
    const handed = await acquire(store, 1, "g", 1000, 1);
    await leasesOf(store).release("q", "g", offsets(handed));
    await store.take("q", 2);
    assert.deepEqual(await leasesOf(store).dead("q", "g"), []);
    assert.deepEqual(texts(await acquire(store, 9)), ["c"]);
  }),

  "a trimmed message takes no place among those handed out": needing("leases", async (store) => {
    await withMessages(store, "a", "b", "c");
    await store.take("q", 1);
    assert.deepEqual(texts(await acquire(store, 1)), ["b"]);
  }),

  "messages of a sealed queue can be leased and acknowledged": needing("leases", async (store) => {
    await withMessages(store, "a");
    await store.seal("q", { status: "ok" });
    const handed = await acquire(store, 1);
    await leasesOf(store).acknowledge("q", "g", offsets(handed));
    assert.deepEqual(await acquire(store, 1), []);
  }),

  "acknowledgements and deliveries outlive a restart": needing(
    ["leases", "restart", "clock"],
    async (store, host) => {
      await withMessages(store, "a", "b", "c");
      const handed = await acquire(store, 2);
      await leasesOf(store).acknowledge("q", "g", offsets(handed).slice(0, 1));
      await host.restart();
      await host.advance(1001);
      const again = await acquire(host.store, 9);
      assert.deepEqual(texts(again), ["b", "c"]);
      assert.deepEqual(
        again.map(({ deliveries }) => deliveries),
        [2, 1],
      );
    },
  ),
});
