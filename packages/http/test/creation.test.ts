import type { AppendOptions } from "@lazy/fsqueue";
import { describe, expect, test } from "vitest";
import { base, handling, refusalOf } from "./fixtures/handling.ts";

const plain = { "content-type": "text/plain" };
const json = { "content-type": "application/json" };

describe("two who create the same queue at once", () => {
  test("have both created it, and one of them was first", async () => {
    const { send } = handling();
    const answers = await Promise.all([send("PUT", "q", plain), send("PUT", "q", plain)]);
    expect(answers.map(({ status }) => status)).toEqual([201, 200]);
  });

  test.each([
    ["content type", json],
    ["closure", { ...plain, "stream-closed": "true" }],
    ["lifetime", { ...plain, "stream-ttl": "60" }],
  ])("with another %s: the second is refused", async (_, headers) => {
    const { send } = handling();
    const answers = await Promise.all([send("PUT", "q", plain), send("PUT", "q", headers)]);
    expect(answers[0].status).toBe(201);
    expect(await refusalOf(answers[1])).toEqual([409, "CONFIGURATION_DIFFERS"]);
  });
});

describe("a queue that is created", () => {
  test("has a Location at the public origin, where there is one", async () => {
    const { send } = handling({ publicOrigin: "https://queues.example/" });
    const { headers } = await send("PUT", "a%2Fb", plain);
    expect(headers.get("location")).toBe("https://queues.example/v1/stream/a/b");
  });

  test("and all that follows waits for the disk, where the server says so", async () => {
    const { store, send } = handling({ durable: true });
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

describe("a lifetime", () => {
  test.each([
    ["stream-ttl", "3153600001"],
    ["stream-expires-at", "2099"],
    ["stream-expires-at", "Thu, 01 Jan 2099 00:00:00 GMT"],
    ["stream-expires-at", "2099-13-01T00:00:00Z"],
  ])("%s: %s is refused", async (header, value) => {
    const { send } = handling();
    const answer = await send("PUT", "q", { ...plain, [header]: value });
    expect(await refusalOf(answer)).toEqual([400, "LIFETIME_INVALID"]);
  });

  test("may last a hundred years, and may be over since before 1970", async () => {
    const { store, send } = handling();
    expect((await send("PUT", "a", { ...plain, "stream-ttl": "3153600000" })).status).toBe(201);
    const past = { ...plain, "stream-expires-at": "1969-12-31T23:59:59Z" };
    expect((await send("PUT", "b", past)).status).toBe(201);
    expect(await store.info("b")).toBeUndefined();
  });
});

test("a fork at what is no offset of its origin is refused as a fork", async () => {
  const { send } = handling();
  await send("PUT", "q", plain, "content");
  const headers = { "stream-forked-from": `${base}q`, "stream-fork-offset": "none" };
  expect(await refusalOf(await send("PUT", "fork", headers))).toEqual([400, "FORK_INVALID"]);
});
