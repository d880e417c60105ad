import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openFileStore, type Store } from "@lazy/fsqueue";
import { createHandler, type Handler } from "@lazy/http";
import { describe, expect, onTestFinished, test } from "vitest";

// What a clock could tell. The time of an answer is that of its steps: these tests count them.

const requests: readonly (readonly [method: string, search: string])[] = [
  ["GET", ""],
  ["GET", "?offset=now"],
  ["GET", "?live=sse&offset=-1"],
  ["GET", "?live=long-poll&offset=-1"],
  ["HEAD", ""],
  ["POST", ""],
  ["PUT", ""],
  ["DELETE", ""],
];

describe("the steps of a refusal", () => {
  test.each(requests)("%s%s: as many whether or not the queue is there", async (method, search) => {
    const touched: string[] = [];
    const store = await storeWithQueue();
    const handler = createHandler({ queues: spied(store, touched), authorize: () => false });
    touched.length = 0;

    const there = await stepsOf(handler, method, `there${search}`);
    const missing = await stepsOf(handler, method, `never${search}`);

    expect(there).toEqual(missing);
    expect(there.status).toBe(method === "PUT" ? 403 : 404);
    expect(touched, "what was asked of the store").toEqual([]);
  });

  test.each(requests.filter(([method]) => method !== "PUT" && method !== "POST"))(
    "%s%s: like a missing queue's, none of them waits for a disk, a thread or a timer",
    async (method, search) => {
      const queues = await storeWithQueue();
      const forbidding = createHandler({ queues, authorize: () => false });
      const allowing = createHandler({ queues, authorize: () => true });

      const refused = await stepsOf(forbidding, method, `there${search}`);
      const missing = await stepsOf(allowing, method, `never${search}`);

      // stepsOf gives up where an answer needs more than promises.
      expect(missing.status).toBe(refused.status);
    },
  );
});

/** How many promises an answer takes, one after the other. Rejects if promises are not enough. */
async function stepsOf(
  handler: Handler,
  method: string,
  address: string,
): Promise<{ steps: number; status: number }> {
  const request = new Request(`http://localhost/v1/stream/${address}`, {
    method,
    headers: { "content-type": "text/plain" },
    ...(method === "POST" || method === "PUT" ? { body: "x" } : {}),
  });
  let response: Response | undefined;
  const answered = handler(request).then((given) => (response = given));
  for (let steps = 0; steps < 1000; steps++) {
    if (response !== undefined) return { steps, status: response.status };
    await Promise.resolve();
  }
  await answered;
  throw new Error(`${method} ${address} waited for more than promises.`);
}

/** A store on disk with the queue `there`, which holds something. */
async function storeWithQueue(): Promise<Store> {
  const dir = await mkdtemp(join(tmpdir(), "lazy-http-"));
  const store = await openFileStore({ dir });
  onTestFinished(async () => {
    await store.close();
    await rm(dir, { recursive: true });
  });
  await store.open("there", { messages: [Buffer.from("content")] });
  return store;
}

/** A store that notes whatever of it is looked at. */
function spied(store: Store, touched: string[]): Store {
  return new Proxy(store, {
    get(target, name) {
      touched.push(String(name));
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
    has(target, name) {
      touched.push(String(name));
      return Reflect.has(target, name);
    },
  });
}
