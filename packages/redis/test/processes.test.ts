import { session } from "@lazy/context";
import { openQueues, type Queues } from "@lazy/fsqueue";
import { openRedisStore } from "@lazy/redis";
import { describe, expect, onTestFinished, test } from "vitest";
import { startChild } from "./fixtures/child.ts";
import { hasRedis } from "./fixtures/redis-server.ts";
import {
  follow,
  freshPrefix,
  numbers,
  openStore,
  sharedServer,
  textsOf,
} from "./fixtures/temporary.ts";

/** Short, but longer than a busy machine lets a process stand still: it would be taken for dead. */
const leaseMs = 1000;

describe.skipIf(!hasRedis())("several processes", () => {
  const server = sharedServer();

  test("eight append to one queue: nothing lost, nothing twice, each in its order", async () => {
    const prefix = freshPrefix();
    const store = await openStore({ url: server().url, prefix });
    await store.open("shared");
    const writers = numbers(8);
    const children = writers.map((writer) =>
      startChild("./append-numbers.mjs", server().url, prefix, writer, "100"),
    );
    expect(await Promise.all(children.map(({ exited }) => exited))).toEqual(writers.map(() => 0));

    const texts = await textsOf(store, "shared");
    for (const writer of writers) {
      const own = texts.filter((text) => text.startsWith(`${writer} `));
      expect(own).toEqual(numbers(100).flatMap((n) => [`${writer} ${n}`, `${writer} ${n} too`]));
    }
    // Batches are whole: the second of each stands right behind the first.
    for (let at = 0; at < texts.length; at += 2) expect(texts[at + 1]).toBe(`${texts[at]} too`);
  });

  test("a reader sees a producer's messages once, though that is killed and run again", async () => {
    const prefix = freshPrefix();
    const store = await openStore({ url: server().url, prefix });
    const count = 300;
    const seen: string[] = [];
    const reading = (async () => {
      for await (const text of follow(store, "numbers")) seen.push(text);
    })();
    const acknowledged: string[] = [];
    for (const killedAfter of [40, 80, Infinity]) {
      const child = startChild("./produce.mjs", server().url, prefix, String(count));
      let lines = 0;
      for await (const line of child.lines) {
        acknowledged.push(line);
        if (++lines === killedAfter) child.kill();
      }
      await child.exited;
    }
    await reading;
    expect(seen).toEqual(numbers(count));
    expect(new Set(acknowledged).size).toBe(acknowledged.length);
  });

  test("a writer that is killed is told as WRITER_LOST to whoever reads elsewhere, after all it wrote", async () => {
    const prefix = freshPrefix();
    const url = server().url;
    const child = startChild("./session-writer.mjs", url, prefix, String(leaseMs));
    const began = performance.now();
    let acknowledged = 0;
    let reading: Promise<void> = Promise.resolve();
    let orphansWhileItLived: readonly unknown[] | undefined;
    let reader: Queues | undefined;
    const seen: number[] = [];
    for await (const line of child.lines) {
      acknowledged = Number(line) + 1;
      if (acknowledged === 1) {
        // Opened while the writer lives: nothing of it is an orphan then.
        reader = await openQueues({ store: await openRedisStore({ url, prefix, leaseMs }) });
        const tail = reader.session("ada").queue<number>("reply").tail();
        reading = (async () => {
          for await (const message of tail) seen.push(message.value);
        })();
        reading.catch(() => {});
      }
      // Several times longer than its lease, were that not renewed.
      if (orphansWhileItLived === undefined && performance.now() - began > 3 * leaseMs) {
        orphansWhileItLived = await reader?.store.orphans();
        child.kill();
      }
    }
    onTestFinished(() => reader?.close());
    await expect(reading).rejects.toMatchObject({ code: "WRITER_LOST" });
    expect(orphansWhileItLived).toEqual([]);
    expect(seen.length).toBeGreaterThanOrEqual(acknowledged);
    expect(seen).toEqual(seen.map((_, index) => index));
  });

  test("what a dead process left is claimed by one of those that live, and lost again with it", async () => {
    const prefix = freshPrefix();
    const url = server().url;
    const claimed: number[] = [];
    const opened = await Promise.all(
      [0, 1, 2].map(async (machine) => {
        const store = await openRedisStore({ url, prefix, leaseMs });
        const claim = async (): Promise<boolean> => {
          claimed.push(machine);
          await new Promise((resolve) => setTimeout(resolve, 20)); // all three could ask meanwhile
          return true;
        };
        const queues = await openQueues({ store, claim });
        onTestFinished(() => queues.close());
        return queues;
      }),
    );
    const child = startChild("./session-writer.mjs", url, prefix, String(leaseMs));
    for await (const line of child.lines) if (line === "20") child.kill();
    await expect.poll(() => claimed.length).toBe(1);
    // Several looks later it is still the one's; when that one goes, another's.
    await new Promise((resolve) => setTimeout(resolve, 2 * leaseMs));
    expect(claimed.length).toBe(1);
    await opened[claimed[0]!]?.close();
    await expect.poll(() => claimed.length).toBe(2);
    expect(claimed[1]).not.toBe(claimed[0]);
  });

  test("one that stood still is fenced off from what another has taken over", async () => {
    const prefix = freshPrefix();
    const url = server().url;
    const child = startChild("./session-writer.mjs", url, prefix, String(leaseMs));
    const queues = await openQueues({
      store: await openRedisStore({ url, prefix, leaseMs }),
      claim: () => true,
    });
    onTestFinished(() => queues.close());
    const name = "ada/reply";
    const { store } = queues;
    for await (const line of child.lines) {
      if (line !== "20") continue;
      child.kill("SIGSTOP");
      break;
    }
    const writer = async () =>
      String(await server().command("HGET", `${prefix}:{${name}}:queue`, "writer"));
    const before = await writer();
    await expect.poll(writer).not.toBe(before);
    const left = (await store.info(name))?.messages;
    child.kill("SIGCONT");
    // It is refused, whatever it does: its process ends with the error, and so does its session.
    expect(await child.exited).toBe(1);
    await store.append(name, [Buffer.from("on")]);
    const texts = await textsOf(store, name);
    expect(texts).toEqual([...numbers(left!).map(String), "on"]);
    expect((await store.info(name))?.ending).toBeUndefined();
  });

  test("a queue is its writer's until another has taken it over", async () => {
    const prefix = freshPrefix();
    const url = server().url;
    const open = async () => {
      const store = await openRedisStore({ url, prefix });
      onTestFinished(() => store.close());
      return store;
    };
    const one = await open();
    const [lifeOfOne] = await server().keys(`${prefix}:writer:`);
    const two = await open();
    const [first, second, third] = ["first", "second", "third"].map((text) => [Buffer.from(text)]);
    await one.open("q", { owned: true });
    // While its writer lives, whoever opens it may write as well, and takes nothing over.
    await two.open("q", { owned: true });
    await two.append("q", first!);
    await one.append("q", second!);
    await server().command("DEL", lifeOfOne!);
    await two.open("q", { owned: true });
    for (const call of [
      () => one.append("q", third!),
      () => one.seal("q", { status: "ok" }),
      () => one.seal("q", { status: "ok" }, { messages: third! }),
    ]) {
      await expect(call()).rejects.toMatchObject({
        code: "PRODUCER_FENCED",
        details: { name: "q" },
      });
    }
    await two.append("q", third!);
    expect(await textsOf(two, "q")).toEqual(["first", "second", "third"]);
    await two.seal("q", { status: "ok" });
    // Of an ended queue only the end counts, and under its name a new one may be anybody's.
    expect(await one.seal("q", { status: "ok" })).toMatchObject({ offset: "0000000000000003" });
    await expect(one.append("q", third!)).rejects.toMatchObject({ code: "QUEUE_SEALED" });
    await two.remove("q");
    await two.open("q");
    await one.append("q", first!);
    expect(await textsOf(two, "q")).toEqual(["first"]);
  });

  test("one that dies while it settles is followed by another", async () => {
    const prefix = freshPrefix();
    const url = server().url;
    const writer = await openRedisStore({ url, prefix, leaseMs });
    await writer.open("q", { owned: true });
    await writer.close();
    const settler = await openRedisStore({ url, prefix, leaseMs });
    const given: string[] = [];
    const never = settler.settleOrphans?.(async (orphans) => {
      given.push(...orphans.map(({ name }) => name));
      await new Promise(() => {});
    });
    never?.catch(() => {});
    await expect.poll(() => given).toEqual(["q"]);
    const next = await openQueues({ store: await openRedisStore({ url, prefix, leaseMs }) });
    onTestFinished(() => next.close());
    expect((await next.store.info("q"))?.ending).toBeUndefined();
    await settler.close();
    await expect.poll(async () => (await next.store.info("q"))?.ending?.code).toBe("WRITER_LOST");
  });

  test("one that was taken for dead is struck off, and says again that it lives", async () => {
    const prefix = freshPrefix();
    const url = server().url;
    const store = await openRedisStore({ url, prefix, leaseMs });
    onTestFinished(() => store.close());
    await store.open("q", { owned: true });
    const writers = async () => String(await server().command("SMEMBERS", `${prefix}:writers`));
    await expect.poll(writers).not.toBe("");
    await server().command("DEL", `${prefix}:writers`);
    await expect.poll(writers).not.toBe("");
  });

  test("sessions of two processes write and end their queues, read from the other", async () => {
    const prefix = freshPrefix();
    const open = async () => {
      const store = await openRedisStore({ url: server().url, prefix });
      const queues = await openQueues({ store });
      onTestFinished(() => queues.close());
      return queues;
    };
    const [one, two] = [await open(), await open()];
    const reply = one.queue<string>("reply");
    const collected = async () => {
      const values: string[] = [];
      const tail = two.session("ada").queue<string>("reply").tail();
      for await (const { value } of tail) values.push(value);
      return values;
    };
    await session.run({ id: "ada" }, async () => {
      await reply.enqueue("a");
      await reply.enqueueMany(["b", "c"]);
    });
    expect(await collected()).toEqual(["a", "b", "c"]);
    const failing = session.run({ id: "bob" }, async () => {
      await reply.enqueue("x");
      throw new RangeError("too far");
    });
    await expect(failing).rejects.toThrow("too far");
    const info = await two.session("bob").queue("reply").info();
    expect(info?.ending).toMatchObject({ status: "error", name: "RangeError" });
  });
});
