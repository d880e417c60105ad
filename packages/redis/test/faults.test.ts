import type { Producer, Store } from "@lazy/fsqueue";
import { isQueueError } from "@lazy/fsqueue";
import { openRedisStore } from "@lazy/redis";
import { createClient } from "@redis/client";
import { describe, expect, onTestFinished, test } from "vitest";
import { openCable } from "./fixtures/cable.ts";
import { hasRedis, startRedis } from "./fixtures/redis-server.ts";
import {
  bytes,
  follow,
  freshPrefix,
  numbers,
  openStore,
  sharedServer,
  textsOf,
} from "./fixtures/temporary.ts";

/** A server of this test's own, for those that change or end it. */
async function ownServer(settings?: Readonly<Record<string, string>>) {
  const server = await startRedis(settings);
  onTestFinished(() => server.close());
  return server;
}

/** Repeats a call that is safe to repeat until it is acknowledged. */
async function untilAcknowledged<T>(call: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await call();
    } catch (error) {
      if (!isQueueError(error, "OUTCOME_UNKNOWN") && !isQueueError(error, "STORE_FAILED"))
        throw error;
    }
  }
}

describe.skipIf(!hasRedis())("when things break", () => {
  const server = sharedServer();

  test("an append whose answer is lost is OUTCOME_UNKNOWN, and not made again", async () => {
    const cable = await openCable(server().port);
    onTestFinished(() => cable.close());
    const prefix = freshPrefix();
    const store = await openStore({ url: cable.url, prefix });
    const other = await openStore({ url: server().url, prefix });
    await store.open("q");
    cable.holdAnswers();
    const plain = store.append("q", [bytes("a")]);
    const producer: Producer = { id: "p", epoch: 0, sequence: 0 };
    const safe = store.append("q", [bytes("b")], { producer });
    // Both were stored; nobody here knows.
    await expect.poll(() => textsOf(other, "q")).toEqual(["a", "b"]);
    cable.cut();
    await expect(plain).rejects.toMatchObject({ code: "OUTCOME_UNKNOWN" });
    await expect(safe).rejects.toMatchObject({ code: "OUTCOME_UNKNOWN" });
    const repeated = await store.append("q", [bytes("b")], { producer });
    expect(repeated.duplicate).toBe(true);
    expect(await textsOf(store, "q")).toEqual(["a", "b"]);
  });

  test("a read and a seal whose answers are lost are made again", async () => {
    const cable = await openCable(server().port);
    onTestFinished(() => cable.close());
    const store = await openStore({ url: cable.url, prefix: freshPrefix() });
    await store.open("q", { messages: [bytes("a")] });
    cable.holdAnswers();
    const reading = store.read("q", "start");
    const sealing = store.seal("q", { status: "ok" });
    await new Promise((resolve) => setImmediate(resolve));
    cable.cut();
    expect((await reading).messages.length).toBe(1);
    expect((await sealing).duplicate).toBe(false);
    expect((await store.info("q"))?.ending).toEqual({ status: "ok" });
  });

  test("CLIENT KILL: calls and waits go on over a new connection", async () => {
    const store = await openStore({ url: server().url, prefix: freshPrefix() });
    await store.open("q");
    const seen: string[] = [];
    const following = (async () => {
      for await (const text of follow(store, "q")) seen.push(text);
    })();
    for (let sequence = 0; sequence < 60; sequence++) {
      if (sequence % 20 === 10) {
        await server().command("CLIENT", "KILL", "TYPE", "pubsub");
        await server().command("CLIENT", "KILL", "TYPE", "normal");
      }
      const producer = { id: "p", epoch: 0, sequence };
      await untilAcknowledged(() => store.append("q", [bytes(`${sequence}`)], { producer }));
    }
    await store.seal("q", { status: "ok" });
    await following;
    expect(seen).toEqual(numbers(60));
  });

  test("SCRIPT FLUSH: calls keep their order, whenever it happens", async () => {
    const store = await openStore({ url: server().url, prefix: freshPrefix() });
    await store.open("q");
    const appends: Promise<unknown>[] = [];
    for (let n = 0; n < 600; n++) {
      appends.push(store.append("q", [bytes(`${n}`)]));
      if (n % 150 === 75) appends.push(server().command("SCRIPT", "FLUSH"));
      if (n % 7 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    await Promise.all(appends);
    expect(await textsOf(store, "q")).toEqual(numbers(600));
  });

  test("a server that is killed and started again under load: nothing acknowledged is lost, nothing is twice", async () => {
    const own = await ownServer();
    const stores = await Promise.all(
      numbers(4).map(() => openStore({ url: own.url, prefix: "load" })),
    );
    await stores[0]!.open("q");
    const seen: string[] = [];
    const following = (async () => {
      for await (const text of follow(stores[3]!, "q")) seen.push(text);
    })();
    let acknowledged = 0;
    let over = false;
    const produce = async (store: Store, id: string): Promise<number> => {
      for (let sequence = 0; ; sequence++) {
        if (over) return sequence;
        const producer = { id, epoch: 0, sequence };
        await untilAcknowledged(() =>
          store.append("q", [bytes(`${id} ${sequence}`)], { producer }),
        );
        acknowledged += 1;
      }
    };
    const producers = stores.map((store, index) => produce(store, `${index}`));
    for (const least of [50, 150, 250]) {
      await expect.poll(() => acknowledged, { interval: 5 }).toBeGreaterThan(least);
      await own.kill();
      await own.start();
    }
    await expect.poll(() => acknowledged, { interval: 5 }).toBeGreaterThan(350);
    over = true;
    const counts = await Promise.all(producers);
    await stores[0]!.seal("q", { status: "ok" });
    await following;
    const texts = await textsOf(stores[0]!, "q");
    expect(seen).toEqual(texts);
    for (const [id, count] of counts.entries()) {
      const mine = texts.filter((text) => text.startsWith(`${id} `));
      expect(mine).toEqual(numbers(count).map((n) => `${id} ${n}`));
    }
  });

  test("no memory left is STORE_FULL and leaves nothing; reading, dropping and sealing what is there go on", async () => {
    const own = await ownServer({ "maxmemory-policy": "noeviction" });
    const store = await openStore({ url: own.url });
    await store.open("q", { ttlMs: 600_000, messages: [bytes("a"), bytes("b")] });
    await store.open("ended");
    await own.command("CONFIG", "SET", "maxmemory", "1mb");
    const producer = { id: "p", epoch: 0, sequence: 0 };
    const appending = store.append("q", [bytes("c"), bytes("d")], { producer, order: "1" });
    await expect(appending).rejects.toMatchObject({ code: "STORE_FULL" });
    await expect(store.open("r")).rejects.toMatchObject({ code: "STORE_FULL" });
    expect(await textsOf(store, "q")).toEqual(["a", "b"]);
    await store.seal("ended", { status: "ok" });
    expect((await store.take("q", 1)).length).toBe(1);
    expect(await store.trim("q", "now")).toBe(1);
    await own.command("CONFIG", "SET", "maxmemory", "0");
    const again = await store.append("q", [bytes("c"), bytes("d")], { producer, order: "1" });
    expect(again.duplicate).toBe(false);
    expect(await textsOf(store, "q")).toEqual(["c", "d"]);
  });

  test("a replica is STORE_READONLY", async () => {
    const own = await ownServer();
    const store = await openStore({ url: own.url });
    await store.open("q", { messages: [bytes("a")] });
    await own.command("REPLICAOF", "127.0.0.1", String(server().port));
    await own.command("REPLICAOF", "NO", "ONE");
    await own.command("REPLICAOF", "127.0.0.1", "1");
    await expect(store.append("q", [bytes("b")])).rejects.toMatchObject({ code: "STORE_READONLY" });
  });

  test("messages that were evicted behind its back are CORRUPT, not silently left out", async () => {
    const prefix = freshPrefix();
    const store = await openStore({ url: server().url, prefix });
    await store.open("q", { messages: ["a", "b", "c"].map(bytes) });
    await server().command("XDEL", `${prefix}:{q}:messages`, ...(await firstEntry(prefix)));
    for (const call of [store.read("q", "start"), store.take("q", 1)]) {
      await expect(call).rejects.toMatchObject({ code: "CORRUPT", details: { name: "q" } });
    }
  });

  test("without a server, opening and calling are STORE_FAILED after the timeout, which names it", async () => {
    const own = await ownServer();
    const store = await openStore({ url: own.url, timeoutMs: 200 });
    await store.open("q");
    await own.kill();
    const appending = untilKnown(() => store.append("q", [bytes("a")]));
    await expect(appending).rejects.toMatchObject({
      code: "STORE_FAILED",
      message: expect.stringContaining("200 ms"),
    });
    const opening = openRedisStore({ url: own.url, timeoutMs: 200 });
    await expect(opening).rejects.toMatchObject({ code: "STORE_FAILED" });
    await own.start();
    await untilAcknowledged(() => store.append("q", [bytes("a")]));
    expect(await textsOf(store, "q")).toEqual(["a"]);
  });

  test("a server that goes dumb is given up after the timeout", async () => {
    const cable = await openCable(server().port);
    onTestFinished(() => cable.close());
    const store = await openStore({ url: cable.url, prefix: freshPrefix(), timeoutMs: 300 });
    await store.open("q");
    const waiting = store.wait("q", "0".padStart(16, "0"));
    await store.info("q");
    cable.holdAnswers();
    const appending = store.append("q", [bytes("a")]);
    await expect(appending).rejects.toMatchObject({ code: "OUTCOME_UNKNOWN" });
    // The waiting connection was silent as well; it is made anew, and looks.
    await waiting;
    expect(await textsOf(store, "q")).toEqual(["a"]);
  });

  test("a wrong password is told at once, a right one is used", async () => {
    const own = await ownServer();
    await own.command("CONFIG", "SET", "requirepass", "secret");
    const wrong = openRedisStore({ url: own.url.replace("//", "//:wrong@") });
    await expect(wrong).rejects.toMatchObject({ code: "STORE_FAILED" });
    const store = await openStore({ url: own.url.replace("//", "//:secret@") });
    expect((await store.open("q")).created).toBe(true);
  });

  test("a client's options are used for connections of the store's own", async () => {
    const client = createClient({ url: server().url });
    const store = await openStore({ client, prefix: freshPrefix() });
    expect((await store.open("q")).created).toBe(true);
    expect(client.isOpen).toBe(false);
  });

  test("options that are none are a TypeError", async () => {
    for (const options of [
      { prefix: "" },
      { prefix: "a{b}" },
      { timeoutMs: 0 },
      { leaseMs: 1.5 },
      { maxMessageBytes: -1 },
    ]) {
      await expect(openRedisStore({ url: server().url, ...options })).rejects.toThrow(TypeError);
    }
  });

  test("a fork is UNSUPPORTED", async () => {
    const store = await openStore({ url: server().url, prefix: freshPrefix() });
    await store.open("q");
    expect(store.capabilities.forks).toBe(false);
    await expect(store.open("f", { fork: { from: "q" } })).rejects.toMatchObject({
      code: "UNSUPPORTED",
    });
  });

  async function firstEntry(prefix: string): Promise<string[]> {
    const found = await server().command(
      "XRANGE",
      `${prefix}:{q}:messages`,
      "-",
      "+",
      "COUNT",
      "1",
    );
    return [(found as [string][])[0]![0]];
  }
});

/** Repeats a call as long as its connection breaks under it. */
async function untilKnown<T>(call: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await call();
    } catch (error) {
      if (!isQueueError(error, "OUTCOME_UNKNOWN")) throw error;
    }
  }
}

describe.skipIf(!hasRedis())("durability", () => {
  test.each([
    [{}, true],
    [{ appendfsync: "everysec" }, false],
    [{ appendonly: "no" }, false],
  ])("of a server with %j: %j", async (settings, durable) => {
    const own = await ownServer(settings);
    const store = await openStore({ url: own.url });
    expect(store.capabilities).toMatchObject({ durable, persistent: true, readonly: false });
  });
});
