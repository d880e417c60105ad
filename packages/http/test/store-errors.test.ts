import {
  createMemoryStore,
  openFileStore,
  QueueError,
  type OpenOptions,
  type Store,
} from "@lazy/fsqueue";
import { createHandler } from "@lazy/http";
import { describe, expect, onTestFinished, test } from "vitest";
import { emptyFolder } from "./fixtures/lazy-serve.ts";

const plain = { metadata: { "content-type": "text/plain" } };

type Ask = (
  method: string,
  name: string,
  body?: string,
  headers?: Record<string, string>,
) => Promise<Response>;

/** The way to a store with the queue `a`, and what the handler told of itself. */
async function asking(
  store: Store,
  options: OpenOptions = {},
): Promise<{ ask: Ask; told: unknown[] }> {
  onTestFinished(() => store.close());
  if (!store.capabilities.readonly) await store.open("a", { ...plain, ...options });
  const told: unknown[] = [];
  const handler = createHandler({
    queues: store,
    limits: { nameBytes: 5_000 },
    onError: (error) => told.push(error),
  });
  const ask: Ask = (method, name, body, headers = {}) =>
    handler(
      new Request(`http://here/v1/stream/${name}`, {
        method,
        headers: { "content-type": "text/plain", ...headers },
        ...(body === undefined ? {} : { body }),
      }),
    );
  return { ask, told };
}

async function summary(answer: Response): Promise<unknown[]> {
  const { error } = (await answer.json()) as { error: { code: string } };
  return [answer.status, error.code, answer.headers.get("retry-after")];
}

async function readonlyStore(): Promise<Store> {
  const dir = await emptyFolder();
  const store = await openFileStore({ dir });
  await store.open("a", plain);
  await store.close();
  return openFileStore({ dir, readonly: true });
}

interface Refusal {
  readonly expected: readonly unknown[];
  readonly open?: () => Promise<Store>;
  readonly options?: OpenOptions;
  readonly refused: (ask: Ask, store: Store) => Promise<Response>;
}

const refusals: Refusal[] = [
  {
    expected: [413, "MESSAGE_TOO_LARGE", null],
    open: async () => createMemoryStore({ maxMessageBytes: 3 }),
    refused: (ask) => ask("POST", "a", "four"),
  },
  {
    expected: [429, "QUEUE_FULL", "5"],
    options: { maxMessages: 1, messages: [Buffer.from("x")] },
    refused: (ask) => ask("POST", "a", "x"),
  },
  {
    expected: [409, "ORDER_CONFLICT", null],
    async refused(ask) {
      await ask("POST", "a", "x", { "stream-seq": "2" });
      return ask("POST", "a", "x", { "stream-seq": "1" });
    },
  },
  {
    expected: [410, "OFFSET_TRIMMED", null],
    options: { messages: [Buffer.from("x")] },
    async refused(ask, store) {
      const { head } = (await store.info("a"))!;
      await store.trim("a", "now");
      return ask("GET", `a?offset=${head}`);
    },
  },
  {
    expected: [400, "NAME_INVALID", null],
    refused: (ask) => ask("GET", "x".repeat(4_097)),
  },
  {
    expected: [405, "STORE_READONLY", null],
    open: readonlyStore,
    refused: (ask) => ask("POST", "a", "x"),
  },
  {
    expected: [507, "STORE_FULL", "5"],
    refused(ask, store) {
      store.append = () => Promise.reject(new QueueError("STORE_FULL", "no space left"));
      return ask("POST", "a", "x");
    },
  },
  {
    expected: [503, "STORE_CLOSED", "5"],
    async refused(ask, store) {
      await store.close();
      return ask("GET", "a");
    },
  },
];

describe("what a store refuses", () => {
  test.each(refusals)(
    "is answered $expected, kept by no cache, and no failure of the server's",
    async ({ open = async () => createMemoryStore(), options, expected, refused }) => {
      const store = await open();
      const { ask, told } = await asking(store, options);

      const answer = await refused(ask, store);

      expect(answer.headers.get("cache-control")).toBe("no-store");
      expect(await summary(answer)).toEqual(expected);
      expect(told).toEqual([]);
    },
  );

  test("is answered like a missing queue when one goes away after it was looked up", async () => {
    const store = createMemoryStore();
    const { ask, told } = await asking(store);
    const missing = await (await ask("GET", "b")).text();
    const info = store.info.bind(store);
    store.info = async (name) => {
      const found = await info(name);
      await store.remove(name);
      return found;
    };

    const answer = await ask("GET", "a");

    expect([answer.status, await answer.text()]).toEqual([404, missing]);
    expect(told).toEqual([]);
  });
});
