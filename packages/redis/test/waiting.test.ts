import { getEventListeners } from "node:events";
import { openQueues } from "@lazy/fsqueue";
import { openRedisStore } from "@lazy/redis";
import { describe, expect, onTestFinished, test } from "vitest";
import { openCable } from "./fixtures/cable.ts";
import { hasRedis } from "./fixtures/redis-server.ts";
import {
  bytes,
  follow,
  freshPrefix,
  numbers,
  openStore,
  sharedServer,
} from "./fixtures/temporary.ts";

const start = "0".padStart(16, "0");

describe.skipIf(!hasRedis())("waiting", () => {
  const server = sharedServer();

  test("a thousand wait through one connection, and each is woken by its own queue", async () => {
    const prefix = freshPrefix();
    const url = server().url;
    const before = await connections();
    const [reader, writer] = [await openStore({ url, prefix }), await openStore({ url, prefix })];
    const names = numbers(1000);
    await Promise.all(names.map((name) => writer.open(name)));
    let woken = 0;
    const waiting = names.map((name) => reader.wait(name, start).then(() => (woken += 1)));
    const channels = async () => (await subscriptions(prefix)).length;
    await expect.poll(channels).toBe(1000);
    expect((await connections()) - before).toBe(4);
    expect(woken).toBe(0);
    await writer.append("7", [bytes("x")]);
    await waiting[7];
    expect(woken).toBe(1);
    await Promise.all(names.map((name) => writer.append(name, [bytes("x")])));
    await Promise.all(waiting);
  });

  test("no message is missed between a read and the wait after it", async () => {
    const prefix = freshPrefix();
    const url = server().url;
    const writer = await openStore({ url, prefix });
    const readers = await Promise.all(numbers(3).map(() => openStore({ url, prefix })));
    await writer.open("q");
    const following = readers.map(async (reader) => {
      const seen: string[] = [];
      for await (const text of follow(reader, "q")) seen.push(text);
      return seen;
    });
    // Each message is sent when the last has been seen: a wake-up that is lost would be waited for.
    for (const n of numbers(300)) await writer.append("q", [bytes(n)]);
    await writer.seal("q", { status: "ok" });
    for (const seen of await Promise.all(following)) expect(seen).toEqual(numbers(300));
  });

  test("two who wait for each other's messages never both wait", async () => {
    const prefix = freshPrefix();
    const url = server().url;
    const [one, two] = [await openStore({ url, prefix }), await openStore({ url, prefix })];
    await one.open("ping");
    await one.open("pong");
    const turns = 200;
    const answer = (async () => {
      for (let n = 0; n < turns; n++) {
        await two.wait("ping", String(n).padStart(16, "0"));
        await two.append("pong", [bytes(`${n}`)]);
      }
    })();
    for (let n = 0; n < turns; n++) {
      await one.append("ping", [bytes(`${n}`)]);
      await one.wait("pong", String(n).padStart(16, "0"));
    }
    await answer;
    expect((await one.info("pong"))?.messages).toBe(turns);
  });

  test("what is told while the answer to a look is under way is not forgotten over that", async () => {
    const prefix = freshPrefix();
    const cable = await openCable(server().port);
    onTestFinished(() => cable.close());
    const writer = await openStore({ url: server().url, prefix });
    const reader = await openStore({ url: cable.url, prefix });
    const calls = cable.lines[0]!;
    const told = cable.lines[1]!;
    await reader.open("q");
    told.holdAnswers();
    const waiting = reader.wait("q", start);
    await reader.info("q");
    // It has looked, and waits to be subscribed; then it looks again.
    calls.holdAnswers();
    const looks = calls.requests;
    told.releaseAnswers();
    await expect.poll(() => calls.requests).toBeGreaterThan(looks);
    const { answers } = told;
    await expect.poll(() => subscriptions(prefix)).toHaveLength(1);
    await writer.append("q", [bytes("a")]);
    await expect.poll(() => told.answers).toBeGreaterThan(answers);
    calls.releaseAnswers();
    await expect(waiting).resolves.toBeUndefined();
  });

  test("what happens while the waiting connection is broken is seen when there is another", async () => {
    const prefix = freshPrefix();
    const url = server().url;
    const [reader, writer] = [await openStore({ url, prefix }), await openStore({ url, prefix })];
    await writer.open("q");
    const waiting = reader.wait("q", start);
    await expect.poll(() => subscriptions(prefix)).toHaveLength(1);
    await reader.info("q");
    await server().command("CLIENT", "KILL", "TYPE", "pubsub");
    await writer.append("q", [bytes("a")]);
    await expect(waiting).resolves.toBeUndefined();
  });

  test("removal, the end and the next queue of the name wake those in another process", async () => {
    const prefix = freshPrefix();
    const url = server().url;
    const [one, two] = [await openStore({ url, prefix }), await openStore({ url, prefix })];
    for (const [name, change] of [
      ["removed", () => one.remove("removed")],
      ["sealed", () => one.seal("sealed", { status: "ok" })],
      [
        "replaced",
        async () => {
          await server().command("DEL", `${prefix}:{replaced}:queue`);
          await one.open("replaced");
        },
      ],
    ] as const) {
      await one.open(name);
      const waiting = two.wait(name, start);
      // It is subscribed and has looked again, so that only what is told can wake it.
      await expect.poll(() => subscriptions(`${prefix}:{${name}}`)).toHaveLength(1);
      for (let turn = 0; turn < 20; turn++) await two.info(name);
      await change();
      await expect(waiting).resolves.toBeUndefined();
    }
  });

  test("the queues of another database of the server are others, though their channels are the same", async () => {
    const prefix = freshPrefix();
    const [here, there] = [
      await openStore({ url: server().url, prefix }),
      await openStore({ url: `${server().url}/1`, prefix }),
    ];
    for (const store of [here, there]) await store.open("q");
    let woken = false;
    const waiting = here.wait("q", start).then(() => (woken = true));
    await expect.poll(() => subscriptions(prefix)).toHaveLength(1);
    await there.append("q", ["a", "b"].map(bytes));
    await there.wait("q", start);
    // A second who waits here looks anew, and must not be told of those there.
    const aborter = new AbortController();
    const second = here.wait("q", start, aborter.signal);
    for (let turn = 0; turn < 5; turn++) await here.info("q");
    expect(woken).toBe(false);
    aborter.abort(new Error("still waiting"));
    await expect(second).rejects.toThrow("still waiting");
    await here.append("q", [bytes("c")]);
    await waiting;
  });

  test("a queue that expires by itself wakes all who wait, in the server's time", async () => {
    const store = await openStore({ url: server().url, prefix: freshPrefix() });
    await store.open("q", { ttlMs: 150 });
    await Promise.all(numbers(100).map(() => store.wait("q", start)));
    await expect(store.read("q", "start")).rejects.toMatchObject({ code: "QUEUE_NOT_FOUND" });
  });

  test("an abort, also while it is being subscribed, leaves no listener and no subscription", async () => {
    const prefix = freshPrefix();
    const store = await openStore({ url: server().url, prefix });
    await store.open("q");
    for (const turns of [0, 1, 5]) {
      const aborter = new AbortController();
      const waiting = store.wait("q", start, aborter.signal);
      for (let turn = 0; turn < turns; turn++) await store.info("q");
      const reason = new Error("enough");
      aborter.abort(reason);
      await expect(waiting).rejects.toBe(reason);
      expect(getEventListeners(aborter.signal, "abort").length).toBe(0);
    }
    await expect.poll(() => subscriptions(prefix), { timeout: 15_000 }).toEqual([]);
    // And it can be waited for again.
    const waiting = store.wait("q", start);
    await store.append("q", [bytes("a")]);
    await waiting;
  });

  test("a message that a consumer gives back wakes the consumers of another process", async () => {
    const prefix = freshPrefix();
    const open = async () => {
      const store = await openRedisStore({ url: server().url, prefix });
      const queues = await openQueues({ store });
      onTestFinished(() => queues.close());
      return queues.session("shop").queue<string>("orders");
    };
    const [one, two] = [await open(), await open()];
    await one.enqueue("order");
    const [first] = await one.consumer("g", { visibilityMs: 3600_000 }).receive(1);
    const second = two.consumer("g", { visibilityMs: 3600_000 }).receive(1, { wait: true });
    await expect.poll(() => subscriptions(prefix)).not.toEqual([]);
    await first?.release();
    expect((await second)[0]).toMatchObject({ value: "order", deliveries: 2 });
  });

  async function connections(): Promise<number> {
    // The one that asks does not count.
    return (
      String(await server().command("CLIENT", "LIST"))
        .trim()
        .split("\n").length - 1
    );
  }

  async function subscriptions(prefix: string): Promise<unknown[]> {
    return (await server().command("PUBSUB", "CHANNELS", `${prefix}:*`)) as unknown[];
  }
});
