import { createMemoryStore } from "@lazy/fsqueue";
import { createHandler } from "@lazy/http";
import { describe, expect, test } from "vitest";
import { put, serve } from "./fixtures/serving.ts";

function from(origin: string, method = "GET"): RequestInit {
  return { method, headers: { origin, "content-type": "text/plain" } };
}

describe("pages of other origins", () => {
  test("are refused by default, before anything is done", async () => {
    const { queue, store } = await serve();
    await put(queue("a"), "text/plain", "content");

    for (const origin of ["https://evil.example", "null"]) {
      for (const method of ["GET", "POST", "PUT", "DELETE", "OPTIONS"]) {
        const init = { ...from(origin, method), ...(method === "POST" ? { body: "more" } : {}) };
        const answer = await fetch(queue("a"), init);
        expect(answer.status).toBe(403);
        expect(answer.headers.get("access-control-allow-origin")).toBeNull();
      }
    }
    expect((await store.info("a"))?.messages).toBe(1);
  });

  test("are let in by name, and told so by name", async () => {
    const { queue } = await serve({
      cors: { origins: ["https://app.example"], credentials: true },
    });
    await put(queue("a"), "text/plain", "content");

    const allowed = await fetch(queue("a"), from("https://app.example"));
    const refused = await fetch(queue("a"), from("https://app.example.evil.example"));

    expect(allowed.status).toBe(200);
    expect(allowed.headers.get("access-control-allow-origin")).toBe("https://app.example");
    expect(allowed.headers.get("access-control-allow-credentials")).toBe("true");
    expect(allowed.headers.get("access-control-expose-headers")).toContain("stream-next-offset");
    expect(allowed.headers.get("vary")).toBe("Origin");
    expect(refused.status).toBe(403);
    expect(refused.headers.get("access-control-allow-origin")).toBeNull();
  });

  test("are let in by a test", async () => {
    const { queue } = await serve({
      cors: { origins: (origin) => origin.endsWith(".app.example") },
    });

    expect((await fetch(queue("a"), from("https://one.app.example", "OPTIONS"))).status).toBe(204);
    expect((await fetch(queue("a"), from("https://other.example", "OPTIONS"))).status).toBe(403);
  });

  test("a preflight names every header of the protocol", async () => {
    const { queue } = await serve({ cors: { origins: "*" } });

    const answer = await fetch(queue("a"), from("https://any.example", "OPTIONS"));
    const allowed = answer.headers.get("access-control-allow-headers")?.split(", ") ?? [];

    expect(answer.status).toBe(204);
    expect(answer.headers.get("access-control-allow-origin")).toBe("*");
    expect(allowed).toEqual(
      expect.arrayContaining([
        "content-type",
        "producer-id",
        "stream-closed",
        "if-none-match",
        "last-event-id",
      ]),
    );
  });

  test("the server's own pages need no leave, behind a proxy with TLS as well", async () => {
    const { queue, server } = await serve();
    await put(queue("a"));

    expect((await fetch(queue("a"), from(server.url))).status).toBe(200);
    expect((await fetch(queue("a"), from(server.url.replace("http:", "https:")))).status).toBe(200);
  });

  test("every origin with credentials is a mistake", () => {
    const cors = { origins: "*", credentials: true } as const;
    expect(() => createHandler({ queues: createMemoryStore(), cors })).toThrow(TypeError);
  });
});
