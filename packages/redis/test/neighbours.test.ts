import { session } from "@lazy/context";
import { flow } from "@lazy/flow";
import { openQueues } from "@lazy/fsqueue";
import { createHandler, openServer } from "@lazy/http";
import { openRedisStore } from "@lazy/redis";
import { describe, expect, onTestFinished, test } from "vitest";
import { startChild } from "./fixtures/child.ts";
import { hasRedis } from "./fixtures/redis-server.ts";
import { freshPrefix, openStore, sharedServer } from "./fixtures/temporary.ts";

const headers = { "content-type": "text/plain" };

describe.skipIf(!hasRedis())("the packages over it", () => {
  const server = sharedServer();

  test("http: what one process is sent streams out of another, and is resumed there", async () => {
    const prefix = freshPrefix();
    const store = await openStore({ url: server().url, prefix });
    const here = await openServer(createHandler({ queues: store }), { port: 0, drainMs: 100 });
    onTestFinished(() => here.close());
    const child = startChild("./http-server.mjs", server().url, prefix);
    const { value: there = "" } = await child.lines[Symbol.asyncIterator]().next();
    const path = "/v1/stream/ada/reply";

    const created = await fetch(`${there}${path}`, { method: "PUT", headers });
    expect(created.status).toBe(201);
    const events = await fetch(`${here.url}${path}?live=sse&offset=-1`);
    let text = "";
    const reading = (async () => {
      for await (const piece of events.body!.pipeThrough(new TextDecoderStream())) text += piece;
    })();
    for (const body of ["Good", "morning"]) {
      const appended = await fetch(`${there}${path}`, { method: "POST", headers, body });
      expect(appended.status).toBe(204);
      // Live, and so in an event of its own.
      await expect.poll(() => text).toMatch(new RegExp(`^data: ?${body}$`, "m"));
    }
    await fetch(`${there}${path}`, { method: "POST", headers: { "stream-closed": "true" } });
    await reading;
    const words = [...text.matchAll(/^data: ?(Good|morning)$/gm)].map(([, word]) => word);
    expect(words).toEqual(["Good", "morning"]);

    // A reader of this process that was cut off after the first goes on at the other.
    const first = text.split("\n\n").find((event) => event.includes("Good")) ?? "";
    const id = /^id: ?(\S+)$/m.exec(first)?.[1] ?? "";
    const rest = await fetch(`${there}${path}?offset=${id}`);
    expect(await rest.text()).toBe("morning");
  });

  test("http: a fork is refused with 501", async () => {
    const store = await openStore({ url: server().url, prefix: freshPrefix() });
    const here = await openServer(createHandler({ queues: store }), { port: 0, drainMs: 100 });
    onTestFinished(() => here.close());
    await fetch(`${here.url}/v1/stream/a/b`, { method: "PUT", headers });
    const fork = { ...headers, "stream-forked-from": "/v1/stream/a/b" };
    const answer = await fetch(`${here.url}/v1/stream/a/c`, { method: "PUT", headers: fork });
    expect(answer.status).toBe(501);
    expect(await answer.json()).toMatchObject({ error: { code: "UNSUPPORTED" } });
  });

  test("flow: what a flow streams in its session is read on another machine", async () => {
    const prefix = freshPrefix();
    const open = async () => {
      const store = await openRedisStore({ url: server().url, prefix });
      const queues = await openQueues({ store });
      onTestFinished(() => queues.close());
      return queues;
    };
    const [one, two] = [await open(), await open()];
    const reply = one.queue<string>("reply");
    const spell = flow<string>("spell").step("letters", function* (word) {
      yield* word;
    });
    await Promise.all(
      ["lazy", "redis"].map((id) => session.run({ id }, () => spell.stream(id).pipeTo(reply))),
    );
    for (const id of ["lazy", "redis"]) {
      const letters: string[] = [];
      for await (const { value } of two.session(id).queue<string>("reply").tail()) {
        letters.push(value);
      }
      expect(letters.join("")).toBe(id);
    }
  });
});
