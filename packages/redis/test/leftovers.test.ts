import { createManualClock } from "@lazy/fsqueue/testing";
import { openRedisStore } from "@lazy/redis";
import type { Store } from "@lazy/fsqueue";
import { describe, expect, test } from "vitest";
import { hasRedis } from "./fixtures/redis-server.ts";
import { bytes, freshPrefix, sharedServer } from "./fixtures/temporary.ts";

/** Everything that makes a key. */
async function use(store: Store, name: string): Promise<void> {
  const producer = { id: "p", epoch: 0, sequence: 0 };
  const { offset } = await store.append(name, ["a", "b"].map(bytes), { producer });
  await store.cursors.set(name, "g", offset);
  await store.leases?.acquire(name, "g", { max: 1, visibilityMs: 60_000, maxDeliveries: 2 });
}

describe.skipIf(!hasRedis())("what is left behind", () => {
  const server = sharedServer();

  test("is nothing, after a queue is removed and the store closed", async () => {
    const prefix = freshPrefix();
    const store = await openRedisStore({ url: server().url, prefix, leaseMs: 500 });
    await store.open("q", { owned: true });
    await use(store, "q");
    expect((await server().keys(prefix)).length).toBe(8);
    await store.remove("q");
    expect((await server().keys(prefix)).toSorted()).toEqual([
      expect.stringContaining(":writer:"),
      expect.stringContaining(":writers"),
    ]);
    await store.close();
    // Ten leases: who owned something is known a while longer.
    await expect.poll(() => server().keys(prefix)).toEqual([]);
  });

  test("is nothing, after queues expired while no process ran", async () => {
    const prefix = freshPrefix();
    const store = await openRedisStore({ url: server().url, prefix });
    await store.open("sliding", { ttlMs: 3000 });
    await store.open("fixed", { expiresAt: Date.now() + 3000 });
    // What expires is renewed as a whole: a part that stayed would be found below.
    for (const name of ["sliding", "fixed"]) await use(store, name);
    await store.read("sliding", "start");
    await store.close();
    expect((await server().keys(prefix)).length).toBe(12);
    await expect.poll(() => server().keys(prefix)).toEqual([]);
  });

  test("is nothing of a queue that expired by a clock of the store's own", async () => {
    const prefix = freshPrefix();
    const clock = createManualClock();
    const store = await openRedisStore({ url: server().url, prefix, clock });
    await store.open("q", { ttlMs: 1000 });
    await use(store, "q");
    clock.advance(1000);
    expect(await store.info("q")).toBeUndefined();
    await store.close();
    expect(await server().keys(prefix)).toEqual([]);
  });

  test("the names of queues are told apart, whatever they hold", async () => {
    const prefix = freshPrefix();
    const store = await openRedisStore({ url: server().url, prefix });
    const names = ["{a}", "%7Ba%7D", "a}:{b", "*", "?", "[a]", "\\", "a*b", "a:queue", "}"];
    for (const name of names) await store.open(name, { messages: [bytes(name)] });
    for (const name of names) {
      const listed: string[] = [];
      for await (const info of store.list(name)) listed.push(info.name);
      expect(listed).toEqual(names.filter((other) => other.startsWith(name)).toSorted());
    }
    for (const name of names) expect(await store.remove(name)).toBe(true);
    await store.close();
    expect(await server().keys(prefix)).toEqual([]);
  });
});
