import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { type Message, type Store, bytesCodec, openFileStore, openQueues } from "@lazy/fsqueue";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

let dir = "";
let store: Store;
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const nobody = { changed(): void {} };

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "fsqueue-"));
  store = await openFileStore({ dir });
  await store.open("q");
});
afterEach(async () => {
  await store.close();
  await rm(dir, { recursive: true });
});

/** Takes so many messages, and holds on to none. */
async function lastBuffer(
  tail: AsyncIterator<Message<Uint8Array>>,
  count: number,
): Promise<WeakRef<ArrayBufferLike>> {
  for (let n = 1; n < count; n += 1) await tail.next();
  const { value } = await tail.next();
  return new WeakRef((value as Message<Uint8Array>).value.buffer);
}

describe("the short cut for live readers", () => {
  it("tells of each append and of the end, once", async () => {
    let told = 0;
    const reader = store.follow!("q", "start", { changed: () => (told += 1) });
    await store.append("q", [bytes("a")]);
    await store.append("q", [bytes("b")]);
    expect(told).toBe(2);
    reader.close();
    await store.append("q", [bytes("c")]);
    expect(told).toBe(2);
    store.follow!("q", "start", { changed: () => (told += 1) });
    await store.seal("q", { status: "ok" });
    expect(told).toBe(3);
  });

  it("gives what is in memory, and leaves to `read` what is not", async () => {
    await store.append("q", [bytes("a")]);
    await store.close();
    store = await openFileStore({ dir });
    await store.append("q", [bytes("b")]);
    const reader = store.follow!("q", "start", { changed() {} });
    expect(reader.next()).toBeUndefined();
    expect(reader.behind).toBe(true);
    const { messages } = await store.read("q", reader.offset, { max: 1 });
    reader.moveTo(messages[0]!.offset);
    expect(reader.behind).toBe(false);
    const { data } = reader.next()!;
    expect(new TextDecoder().decode(data)).toBe("b");
    expect(reader.next()).toBeUndefined();
    expect(reader.behind).toBe(false);
  });

  it("tells the end after the last message, and of what was dropped before it was given", async () => {
    await store.append("q", [bytes("a"), bytes("b")]);
    await store.seal("q", { status: "ok" });
    const reader = store.follow!("q", "start", nobody);
    const late = store.follow!("q", "start", nobody);
    for (const _ of ["a", "b"]) {
      expect(reader.ending).toBeUndefined();
      expect(reader.next()).toBeDefined();
    }
    expect(reader.ending).toEqual({ status: "ok" });
    await store.trim("q", "now");
    expect(() => late.next()).toThrow(expect.objectContaining({ code: "OFFSET_TRIMMED" }));
  });

  it("leaves to `read` what stands with the origin of a fork", async () => {
    await store.append("q", [bytes("a")]);
    await store.open("fork", { fork: { from: "q" }, messages: [bytes("b")] });
    const reader = store.follow!("fork", "start", nobody);
    expect(reader.next()).toBeUndefined();
    expect(reader.behind).toBe(true);
    const { messages } = await store.read("fork", reader.offset, { max: 1 });
    expect(new TextDecoder().decode(messages[0]?.data)).toBe("a");
    reader.moveTo(messages[0]!.offset);
    expect(new TextDecoder().decode(reader.next()?.data)).toBe("b");
  });

  it("stays right when the memory for what was written lately is used again and again", async () => {
    await store.close();
    // The last stretch of a segment is of any size: the memory is not filled to its end each time.
    store = await openFileStore({ dir, memoryBytes: 1 << 20, segmentBytes: 700_000 });
    await store.open("r");
    const text = (name: string, n: number): string => `${name} ${n} `.padEnd(1000, name);
    const held: [name: string, n: number, data: Uint8Array][] = [];
    const follow = (name: string): (() => Promise<void>) => {
      let n = 0;
      const reader = store.follow!(name, "start", { changed() {} });
      return async () => {
        for (;;) {
          const live = reader.next();
          const { messages, next } =
            live === undefined && reader.behind
              ? await store.read(name, reader.offset)
              : { messages: live === undefined ? [] : [live], next: undefined };
          if (messages.length === 0) return;
          for (const { data } of messages) held.push([name, n++, data]);
          if (next !== undefined) reader.moveTo(next);
        }
      };
    };
    const readers = { q: follow("q"), r: follow("r") };
    for (let n = 0; n < 6000; n += 1) {
      const written = ["q", "r"].map((name) => store.append(name, [bytes(text(name, n))]));
      if (n % 7 === 0) await Promise.all(written);
      if (n % 20 === 0) await readers.q(); // in memory
      if (n % 1000 === 0) await readers.r(); // some of it in the ring, some no more
    }
    await store.flush();
    await readers.q();
    await readers.r();
    expect(held).toHaveLength(12_000);
    // What was given stays what it was, whatever has become of the memory.
    for (const [name, n, data] of held) expect(new TextDecoder().decode(data)).toBe(text(name, n));
  });

  it("keeps what was written before a message that would take most of the memory", async () => {
    await store.close();
    store = await openFileStore({ dir, memoryBytes: 1 << 20 });
    const reader = store.follow!("q", "now", nobody);
    await store.append("q", [bytes("small")]);
    await store.append("q", [new Uint8Array(700_000)]);
    await store.append("q", [bytes("after")]);
    expect(new TextDecoder().decode(reader.next()?.data)).toBe("small");
    expect(reader.next()).toBeUndefined();
    expect(reader.behind).toBe(true);
  });

  it("wakes a tail for what is no longer in memory when it is told of it", async () => {
    await store.close();
    store = await openFileStore({ dir, memoryBytes: 0 });
    await store.open("s/q");
    const queues = await openQueues({ store, codec: bytesCodec() });
    const tail = queues.session("s").queue<Uint8Array>("q").tail();
    const first = tail.next();
    const batch = Array.from({ length: 600 }, (_, n) => bytes(`${n} `.padEnd(1000, ".")));
    await store.append("s/q", batch);
    const seen = [(await first).value?.value ?? bytes("nothing")];
    while (seen.length < batch.length) seen.push((await tail.next()).value?.value ?? bytes(""));
    expect(Buffer.compare(Buffer.concat(seen), Buffer.concat(batch))).toBe(0);
    await tail.return?.();
  });

  it("wakes a tail that reads along, which has nothing of another's in memory", async () => {
    await store.open("s/q");
    const reader = await openFileStore({ dir, readonly: true });
    const queues = await openQueues({ store: reader });
    const next = queues.session("s").queue("q").tail().next();
    await store.append("s/q", [bytes("1")]);
    expect((await next).value?.value).toBe(1);
    await queues.close();
  });

  it("a tail that has caught up keeps nothing of what it was given", async () => {
    await store.open("s/q");
    await store.append("s/q", [bytes('"a"'), bytes('"b"')]);
    await store.close();
    store = await openFileStore({ dir });
    const queues = await openQueues({ store, codec: bytesCodec() });
    const tail = queues.session("s").queue<Uint8Array>("q").tail();
    const kept = await lastBuffer(tail, 2);
    const waiting = tail.next();
    await expect
      .poll(() => {
        collect();
        return kept.deref() === undefined;
      })
      .toBe(true);
    await tail.return?.();
    expect((await waiting).done).toBe(true);
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
