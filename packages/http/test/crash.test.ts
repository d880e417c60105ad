import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { emptyFolder, lazyServe } from "./fixtures/lazy-serve.ts";
import { follow, produce } from "./fixtures/load.ts";
import { close, put } from "./fixtures/serving.ts";

const kills = process.env.LAZY_FULL === "1" ? 30 : 4;
const producersPerQueue = 2;

describe("a server that is killed", () => {
  test(`${kills} times under 8 producers loses nothing and doubles nothing`, async () => {
    const dir = await emptyFolder();
    let server = lazyServe(["--dir", dir, "--port", "0"]);
    const { port } = new URL(await server.url);
    const queues = Array.from({ length: 4 }, (_, n) => `http://127.0.0.1:${port}/v1/stream/q${n}`);
    for (const queue of queues) await put(queue, "application/json");
    const stop = new AbortController();
    const producers = Array.from({ length: 4 * producersPerQueue }, (_, producer) =>
      produce(queues[producer % 4] ?? "", producer, stop.signal),
    );
    const readers = queues.map((queue) => follow(queue));

    for (let kill = 0; kill < kills; kill++) {
      // Not a wait for something: the moment of the kill is to be any.
      await delay(20 + Math.random() * 300);
      server.kill("SIGKILL");
      await server.ended;
      server = lazyServe(["--dir", dir, "--port", port]);
      await server.url;
    }
    stop.abort();
    const acknowledged = await Promise.all(producers);
    for (const queue of queues) await close(queue);
    const followed = await Promise.all(readers);

    for (const [producer, count] of acknowledged.entries()) {
      const expected = Array.from({ length: count }, (_, n) => n);
      const stored = (await (
        await fetch(queues[producer % 4] ?? "")
      ).json()) as (typeof followed)[0]["values"];
      const live = followed[producer % 4]?.values ?? [];
      for (const values of [stored, live]) {
        expect(values.filter((value) => value.producer === producer).map(({ n }) => n)).toEqual(
          expected,
        );
      }
    }
    expect(Math.min(...acknowledged)).toBeGreaterThan(0);
  });
});
