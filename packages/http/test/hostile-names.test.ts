import { createMemoryStore } from "@lazy/fsqueue";
import { createHandler } from "@lazy/http";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { put, rawExchange, serve } from "./fixtures/serving.ts";

function get(path: string): string {
  return `GET ${path} HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n`;
}

function statusOf(answer: string): number {
  return Number(answer.slice(9, 12));
}

describe("a queue's name", () => {
  test.each([
    ["NUL", "a%00b"],
    ["CR LF", "a%0d%0aSet-Cookie:x=1"],
    ["a tab", "a%09b"],
    ["a control character of Latin 1", "a%C2%85b"],
    ["a dot segment", "a/../b"],
    ["an encoded dot segment", "%2e%2e/etc/passwd"],
    ["an encoded slash after dots", "..%2fetc"],
    ["a single dot", "a/./b"],
    ["half a percent", "a%"],
    ["percent and no digits", "a%zz"],
    ["bytes that are no UTF-8", "a%ff"],
    ["overlong UTF-8", "a%c0%ae"],
    ["half a surrogate pair", "a%ed%a0%80"],
    ["nothing", ""],
    ["513 bytes", "x".repeat(513)],
    ["513 bytes in fewer characters", "%C3%A9".repeat(257)],
    ["5,000 bytes", "x".repeat(5000)],
    ["the reserved prefix", "__ds/subscriptions/1"],
  ])("with %s is refused with 400, before anybody is asked who may use it", async (_, name) => {
    const asked: string[] = [];
    const { server, store } = await serve({
      authorize: (_request, { queue }) => {
        asked.push(queue);
        return false;
      },
    });

    for (const method of ["GET", "PUT", "HEAD", "DELETE"]) {
      const request = `${method} /v1/stream/${name} HTTP/1.1\r\nHost: here\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: 0\r\n\r\n`;
      expect(statusOf(await rawExchange(server, request))).toBe(400);
    }
    expect(asked).toEqual([]);
    expect((await store.stats()).queues).toBe(0);
  });

  test("is decoded once and no more", async () => {
    const { server, store, queue } = await serve();

    await put(queue("%252e%252e"));
    await put(queue("a%252Fb"));
    await put(queue("a%2Fb"));

    const names: string[] = [];
    for await (const info of store.list()) names.push(info.name);
    expect(names).toEqual(["%2e%2e", "a%2Fb", "a/b"]);
    const answer = await rawExchange(server, get("/v1/stream/a%252Fb"));
    expect(statusOf(answer)).toBe(200);
  });

  test("may be any text, and Location leads back to it", async () => {
    const { queue } = await serve();

    for (const name of ["über/straße", "a b", "日本", "a?b", "a#b", "a&b=c", "🙂", "'\"<>"]) {
      const created = await put(queue(encodeURIComponent(name)));
      expect(created.status).toBe(201);
      const location = created.headers.get("location") ?? "";
      expect((await fetch(location, { method: "HEAD" })).status).toBe(200);
    }
  });

  test("is never answered with a 500, whatever the path", async () => {
    const failures: unknown[] = [];
    const { server } = await serve({ onError: (error) => failures.push(error) });
    const path = fc
      .array(
        fc.oneof(
          fc.constantFrom(
            "/",
            "..",
            ".",
            "%2f",
            "%00",
            "%0d%0a",
            "%25",
            "%",
            "\\",
            "?",
            "#",
            "__ds",
          ),
          fc
            .string({ unit: "binary-ascii", maxLength: 8 })
            .map((text) => text.replaceAll(/[\s\0]/g, "")),
        ),
        { maxLength: 12 },
      )
      .map((parts) => parts.join(""));

    await fc.assert(
      fc.asyncProperty(path, async (text) => {
        const status = statusOf(await rawExchange(server, get(`/v1/stream/${text}`)));
        expect(status).toBeGreaterThanOrEqual(400);
        expect(status).toBeLessThan(500);
      }),
      { numRuns: 200 },
    );
    expect(failures).toEqual([]);
  });

  test.each(["", "queues", "/a b", "/a?b", "/a#b", "/\u00e4"])(
    "cannot stand below %j: that is a mistake",
    (basePath) => {
      const queues = createMemoryStore();
      expect(() => createHandler({ queues, basePath })).toThrow(TypeError);
    },
  );

  test("outside the base path is a 404", async () => {
    const { server } = await serve({ basePath: "/queues" });

    expect(statusOf(await rawExchange(server, get("/v1/stream/a")))).toBe(404);
    expect(statusOf(await rawExchange(server, get("/queuesa")))).toBe(404);
  });
});
