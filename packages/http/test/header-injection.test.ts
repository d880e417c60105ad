import { describe, expect, test } from "vitest";
import { put, rawExchange, serve } from "./fixtures/serving.ts";

describe("header injection", () => {
  test("a Host that is none is refused, and never echoed", async () => {
    const { server } = await serve();

    for (const host of ["evil.example/path", "a b", "a\tb", '"><script>', "a@b", "x".repeat(300)]) {
      const answer = await rawExchange(
        server,
        `PUT /v1/stream/a HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`,
      );
      expect(answer).toMatch(/^HTTP\/1\.1 400 /);
      expect(answer.toLowerCase()).not.toContain("location:");
    }
  });

  test("a line break in a header's value never reaches the answer", async () => {
    const { server } = await serve();

    for (const breakup of ["\r\n", "\n", "\r", "\0"]) {
      const answer = await rawExchange(
        server,
        `PUT /v1/stream/a HTTP/1.1\r\nHost: here\r\nContent-Type: text/plain${breakup}X-Injected: yes\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`,
      );
      expect(answer.toLowerCase()).not.toContain("x-injected");
    }
  });

  test.each([
    "text/plain\u0001",
    "text",
    "text/plain, text/html",
    "a/b;\u00e9",
    `text/${"x".repeat(300)}`,
  ])("the content type %j is refused", async (contentType) => {
    const { server } = await serve();
    const answer = await rawExchange(
      server,
      `PUT /v1/stream/a HTTP/1.1\r\nHost: here\r\nContent-Type: ${contentType}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`,
    );
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
  });

  test("a content type that somebody put into the store by hand is not echoed if it is none", async () => {
    const { store, queue } = await serve();
    await store.open("a", { metadata: { "content-type": "text/html\r\nX-Injected: yes" } });

    const answer = await fetch(queue("a"));

    expect(answer.headers.get("content-type")).toBe("application/octet-stream");
    expect(answer.headers.get("x-injected")).toBeNull();
  });

  test("a stored page runs no script when somebody opens its address", async () => {
    const { queue } = await serve();
    await put(queue("page"), "text/html", "<script>alert(1)</script>");

    const answer = await fetch(queue("page"));

    expect(answer.headers.get("content-security-policy")).toBe("default-src 'none'; sandbox");
    expect(answer.headers.get("x-content-type-options")).toBe("nosniff");
  });

  test("a challenge cannot break out of its header", async () => {
    const { queue } = await serve({
      authorize: () => ({ challenge: "Bearer\r\nX-Injected: yes" }),
    });

    const answer = await fetch(queue("a"));

    expect(answer.status).toBe(401);
    expect(answer.headers.get("www-authenticate")).toBe("BearerX-Injected: yes");
    expect(answer.headers.get("x-injected")).toBeNull();
  });
});
