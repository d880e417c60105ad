import { createMemoryStore } from "@lazy/fsqueue";
import { createHandler } from "@lazy/http";
import fc from "fast-check";
import { describe, expect, test } from "vitest";

const url = "http://here/v1/stream/a";

async function exchange(body: string, path = ""): Promise<{ status: number; text: string }> {
  const handler = createHandler({ queues: createMemoryStore() });
  const headers = { "content-type": "application/json" };
  const created = await handler(new Request(url, { method: "PUT", headers }));
  expect(created.status).toBe(201);
  const appended = await handler(new Request(url, { method: "POST", headers, body }));
  const read = await handler(new Request(url + path));
  return { status: appended.status, text: await read.text() };
}

describe("JSON mode", () => {
  test("gives back every value, one level of an array flattened", async () => {
    await fc.assert(
      fc.asyncProperty(
        // What JSON has no text for, as -0, it cannot give back.
        fc.jsonValue().map((value): unknown => JSON.parse(JSON.stringify(value))),
        fc.constantFrom(undefined, 1, "\t"),
        async (value, indent) => {
          const { status, text } = await exchange(
            `\n ${JSON.stringify(value, undefined, indent)} `,
          );
          const empty = Array.isArray(value) && value.length === 0;
          expect(status).toBe(empty ? 400 : 204);
          const sent: unknown = JSON.parse(JSON.stringify(value));
          expect(JSON.parse(text)).toEqual(Array.isArray(sent) ? sent : [sent]);
        },
      ),
      { numRuns: 300 },
    );
  });

  test("keeps the bytes of every message, large numbers and the order of keys included", async () => {
    const { text } = await exchange(
      '[ 12345678901234567890 , {"b":1, "a":1.0e400} ,"\\u0041,\\"]" ]',
    );

    expect(text).toBe('[12345678901234567890,{"b":1, "a":1.0e400},"\\u0041,\\"]"]');
  });

  test("takes neither commas nor brackets in a string for its own", async () => {
    const store = createMemoryStore();
    const handler = createHandler({ queues: store });
    const headers = { "content-type": "application/json" };
    const elements = ['"a,b"', '"\\",\\\\"', '"]"', '{"[":","}', "[1,2]", "3"];
    await handler(new Request(url, { method: "PUT", headers, body: `[${elements.join(" , ")}]` }));
    const { messages } = await store.read("a", "start");
    expect(messages.map(({ data }) => Buffer.from(data).toString())).toEqual(elements);
  });

  test.each([["{"], ["[1,]"], ["1 2"], ["\u{feff}1"], ["'a'"], ["NaN"], [""], ["  "]])(
    "refuses %j",
    async (body) => {
      const { status, text } = await exchange(body);
      expect(status).toBe(400);
      expect(text).toBe("[]");
    },
  );

  test("refuses bytes that are no UTF-8", async () => {
    const store = createMemoryStore();
    const handler = createHandler({ queues: store });
    const headers = { "content-type": "application/json" };
    await handler(new Request(url, { method: "PUT", headers }));

    const body = new Uint8Array([0x22, 0xff, 0x22]);
    const answer = await handler(new Request(url, { method: "POST", headers, body }));

    expect(answer.status).toBe(400);
    expect((await store.info("a"))?.messages).toBe(0);
  });

  test("is not upset by a million brackets", async () => {
    const depth = 500_000;
    const { status } = await exchange("[".repeat(depth) + "]".repeat(depth));
    expect([204, 400]).toContain(status);
  });
});
