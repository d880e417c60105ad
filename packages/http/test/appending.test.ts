import { describe, expect, test } from "vitest";
import { handling, refusalOf } from "./fixtures/handling.ts";

const plain = { "content-type": "text/plain" };
const closing = { "stream-closed": "true" };
const bytes = Buffer.from("more");

const producerOf = (sequence: string, id = "p", epoch = "0") => ({
  "producer-id": id,
  "producer-epoch": epoch,
  "producer-seq": sequence,
});

describe("an append to a closed queue", () => {
  test.each<[what: string, headers: Record<string, string>]>([
    ["all it needs", plain],
    ["no content type", {}],
    ["another content type", { "content-type": "text/html" }],
    ["another content type, of a producer", { "content-type": "a/b", ...producerOf("0") }],
  ])("with %s is told that it is closed, and where", async (_, headers) => {
    const { store, send } = handling();
    await send("PUT", "q", { ...plain, ...closing }, "content");
    const answer = await send("POST", "q", headers, bytes);
    expect(await refusalOf(answer)).toEqual([409, "QUEUE_SEALED"]);
    expect(answer.headers.get("stream-closed")).toBe("true");
    expect(answer.headers.get("stream-next-offset")).toBe((await store.info("q"))?.tail);
  });
});

describe("a producer's retry", () => {
  test("closes nothing that its first try did not, and tells what that closed", async () => {
    const { store, send } = handling();
    await send("PUT", "q", plain);
    await send("POST", "q", { ...plain, ...producerOf("0") }, bytes);
    const open = await send("POST", "q", { ...plain, ...closing, ...producerOf("0") }, bytes);
    expect([open.status, open.headers.get("stream-closed")]).toEqual([204, null]);
    expect((await store.info("q"))?.ending).toBeUndefined();
    await send("POST", "q", { ...plain, ...closing, ...producerOf("1") }, bytes);
    const closed = await send("POST", "q", { ...plain, ...producerOf("1") }, bytes);
    expect([closed.status, closed.headers.get("stream-closed")]).toEqual([204, "true"]);
  });
});

describe("an append is refused", () => {
  test.each<[what: string, code: string, headers: Record<string, string>]>([
    ["no content type", "CONTENT_TYPE_MISSING", {}],
    ["an empty content type", "CONTENT_TYPE_MISSING", { "content-type": "" }],
    ["an empty Stream-Seq", "ORDER_INVALID", { ...plain, "stream-seq": "" }],
    ["a Stream-Seq of 513 characters", "ORDER_INVALID", { "stream-seq": "x".repeat(513) }],
    ["an empty Producer-Id", "PRODUCER_INVALID", producerOf("0", "")],
    ["a Producer-Id of 513 bytes", "PRODUCER_INVALID", producerOf("0", "x".repeat(513))],
    ["a Producer-Seq in hexadecimal", "PRODUCER_INVALID", producerOf("0x0")],
    ["a Producer-Seq with an exponent", "PRODUCER_INVALID", producerOf("1e0")],
    ["a Producer-Seq below 0", "PRODUCER_INVALID", producerOf("-1")],
    ["a Producer-Epoch of 2^53", "PRODUCER_INVALID", producerOf("0", "p", String(2 ** 53))],
  ])("with %s", async (_, code, headers) => {
    const { store, send } = handling();
    await send("PUT", "q", plain);
    expect(await refusalOf(await send("POST", "q", headers, bytes))).toEqual([400, code]);
    expect((await store.info("q"))?.messages).toBe(0);
  });

  test("with nothing longer than may be: 512 characters and 512 bytes are taken", async () => {
    const { send } = handling();
    await send("PUT", "q", plain);
    const longest = { "stream-seq": "x".repeat(512), ...producerOf("0", "p".repeat(512)) };
    expect((await send("POST", "q", { ...plain, ...longest }, bytes)).status).toBe(200);
  });
});
