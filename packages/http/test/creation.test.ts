import { type AppendOptions, type Store, createMemoryStore } from "@lazy/fsqueue";
import { createHandler, type HandlerOptions } from "@lazy/http";
import { describe, expect, onTestFinished, test } from "vitest";

const plain = { "content-type": "text/plain" };
const json = { "content-type": "application/json" };

function serving(options: Partial<HandlerOptions> = {}) {
  const store: Store = createMemoryStore();
  onTestFinished(() => store.close());
  const handler = createHandler({ queues: store, ...options });
  const send = (method: string, name: string, headers: Record<string, string>, body?: string) =>
    handler(
      new Request(`http://localhost/v1/stream/${name}`, {
        method,
        headers,
        ...(body === undefined ? {} : { body }),
      }),
    );
  return { store, handler, send };
}

const codeOf = async (response: Response): Promise<unknown> =>
  ((await response.json()) as { error: { code: string } }).error.code;

describe("two who create the same queue at once", () => {
  test("have both created it, and one of them was first", async () => {
    const { send } = serving();
    const answers = await Promise.all([send("PUT", "q", plain), send("PUT", "q", plain)]);
    expect(answers.map(({ status }) => status)).toEqual([201, 200]);
  });

  test.each([
    ["content type", json],
    ["closure", { ...plain, "stream-closed": "true" }],
    ["lifetime", { ...plain, "stream-ttl": "60" }],
  ])("with another %s: the second is refused", async (_, headers) => {
    const { send } = serving();
    const answers = await Promise.all([send("PUT", "q", plain), send("PUT", "q", headers)]);
    expect(answers.map(({ status }) => status)).toEqual([201, 409]);
    expect(await codeOf(answers[1])).toBe("CONFIGURATION_DIFFERS");
  });
});

describe("a queue that is created", () => {
  test("has a Location at the public origin, where there is one", async () => {
    const { send } = serving({ publicOrigin: "https://queues.example/" });
    const { headers } = await send("PUT", "a%2Fb", plain);
    expect(headers.get("location")).toBe("https://queues.example/v1/stream/a/b");
  });

  test("beyond as many as there may be is refused, one that is there is not", async () => {
    const { send } = serving({ limits: { queues: 1 } });
    await send("PUT", "a", plain);
    expect((await send("PUT", "a", plain)).status).toBe(200);
    const refused = await send("PUT", "b", plain);
    expect([refused.status, refused.headers.get("retry-after")]).toEqual([429, "60"]);
    expect(await codeOf(refused)).toBe("TOO_MANY_QUEUES");
  });

  test("and all that follows waits for the disk, where the server says so", async () => {
    const { store, send } = serving({ durable: true });
    const calls: unknown[] = [];
    const append = store.append.bind(store);
    const seal = store.seal.bind(store);
    const flush = store.flush.bind(store);
    const note = (call: string, options: AppendOptions | undefined): void => {
      calls.push([call, options?.durable]);
    };
    store.append = (name, batch, options) => {
      note("append", options);
      return append(name, batch, options);
    };
    store.seal = (name, ending, options) => {
      note("seal", options);
      return seal(name, ending, options);
    };
    store.flush = () => {
      note("flush", undefined);
      return flush();
    };
    await send("PUT", "q", plain, "first");
    await send("POST", "q", plain, "second");
    await send("POST", "q", { ...plain, "stream-closed": "true" }, "last");
    expect(calls).toEqual([
      ["flush", undefined],
      ["append", true],
      ["seal", true],
    ]);
  });
});

test("a limit that is none is a mistake, and named", () => {
  for (const wrong of [0, -1, Number.NaN, "1" as unknown as number]) {
    const limits = { bodyBytes: wrong };
    expect(() => createHandler({ queues: createMemoryStore(), limits })).toThrow(
      new TypeError(`limits.bodyBytes is a number above 0, not ${wrong}.`),
    );
  }
});
