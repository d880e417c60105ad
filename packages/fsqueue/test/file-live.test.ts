import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Store, openFileStore, openQueues } from "@lazy/fsqueue";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

let dir = "";
let store: Store;
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "fsqueue-"));
  store = await openFileStore({ dir });
  await store.open("q");
});
afterEach(async () => {
  await store.close();
  await rm(dir, { recursive: true });
});

describe("the short cut for live readers", () => {
  it("tells of each append, the end and nothing after it is left", async () => {
    let told = 0;
    const stop = store.subscribe!("q", () => (told += 1));
    await store.append("q", [bytes("a")]);
    await store.append("q", [bytes("b")]);
    expect(told).toBe(2);
    stop();
    await store.append("q", [bytes("c")]);
    expect(told).toBe(2);
    const stopAgain = store.subscribe!("q", () => (told += 1));
    await store.seal("q", { status: "ok" });
    expect(told).toBe(3);
    stopAgain();
  });

  it("tells of removal and of closing, which the next read then throws", async () => {
    const codes: unknown[] = [];
    const look = (): void => {
      try {
        store.tryRead!("q", "start");
      } catch (error) {
        codes.push((error as { code?: unknown }).code);
      }
    };
    store.subscribe!("q", look);
    await store.remove("q");
    await store.open("q");
    store.subscribe!("q", look);
    await store.close();
    expect([...new Set(codes)]).toEqual(["QUEUE_NOT_FOUND", "STORE_CLOSED"]);
  });

  it("reads what is in memory, and leaves to `read` what is not", async () => {
    await store.append("q", [bytes("a")]);
    expect(store.tryRead!("q", "start")).toEqual(await store.read("q", "start"));
    await store.close();
    store = await openFileStore({ dir });
    expect(store.tryRead!("q", "start")).toBeUndefined();
    expect(store.tryRead!("q", "now")?.atEnd).toBe(true);
    await store.append("q", [bytes("b")]);
    expect(store.tryRead!("q", "start")).toBeUndefined();
    expect((await store.read("q", "start")).messages).toHaveLength(2);
    const { offset } = (await store.read("q", "start")).messages[0]!;
    expect(store.tryRead!("q", offset)?.messages).toHaveLength(1);
  });

  it("serves a tail that begins in files and goes on in memory", async () => {
    await store.open("s/q");
    const before = Array.from({ length: 50 }, (_, n) => bytes(JSON.stringify(n)));
    await store.append("s/q", before);
    await store.close();
    store = await openFileStore({ dir });
    const queues = await openQueues({ store });
    const seen: unknown[] = [];
    const reading = (async () => {
      for await (const { value } of queues.session("s").queue("q").tail()) seen.push(value);
    })();
    for (let n = 50; n < 100; n += 1) {
      const receipt = store.append("s/q", [bytes(JSON.stringify(n))]);
      if (n % 3 === 0) await receipt;
    }
    await store.seal("s/q", { status: "ok" });
    await reading;
    expect(seen).toEqual(Array.from({ length: 100 }, (_, n) => n));
  });
});
