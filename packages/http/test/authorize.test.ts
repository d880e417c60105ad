import { createMemoryStore, type Store } from "@lazy/fsqueue";
import type { Authorize } from "@lazy/http";
import { describe, expect, test } from "vitest";
import { put, serve } from "./fixtures/serving.ts";

/** A token is the name of the one queue it opens, and what it may do there. */
const byToken: Authorize = (request, { queue, operation }) => {
  const token = request.headers.get("authorization");
  if (token === null) return { challenge: "Bearer" };
  const [owned, ...rights] = token.replace("Bearer ", "").split(":");
  return owned === queue && rights.includes(operation);
};

function bearer(token: string): Record<string, string> {
  return { authorization: `Bearer ${token}` };
}

async function everythingOf(response: Response): Promise<unknown> {
  const headers = [...response.headers].filter(([name]) => name !== "date");
  return { status: response.status, headers, body: await response.text() };
}

describe("authorize", () => {
  test("a forbidden queue cannot be told from a missing one", async () => {
    const { queue } = await serve({
      authorize: (request, access) => access.queue !== "forbidden" || byToken(request, access),
    });
    await put(queue("forbidden"), "text/plain", "secret", bearer("forbidden:create"));

    for (const method of ["GET", "HEAD", "POST", "DELETE"]) {
      const init = {
        method,
        headers: { "content-type": "text/plain", ...bearer("other:read") },
        ...(method === "POST" ? { body: "x" } : {}),
      };
      const missing = await everythingOf(await fetch(queue("missing"), init));
      const forbidden = await everythingOf(await fetch(queue("forbidden"), init));
      expect(forbidden).toEqual(missing);
    }
    for (const search of ["?live=sse&offset=-1", "?live=long-poll&offset=-1", "?offset=now"]) {
      const missing = await everythingOf(
        await fetch(queue("missing") + search, { headers: bearer("o:read") }),
      );
      const forbidden = await everythingOf(
        await fetch(queue("forbidden") + search, { headers: bearer("o:read") }),
      );
      expect(forbidden).toEqual(missing);
    }
  });

  test("decides before anything is looked up: a refusal takes no step that depends on the queue", async () => {
    const looks: string[] = [];
    const store = spiedStore(looks);
    const { queue } = await serve({ queues: store, authorize: () => false });

    for (const method of ["GET", "HEAD", "POST", "PUT", "DELETE"]) {
      await fetch(queue("a"), { method, headers: { "content-type": "text/plain" } });
    }

    expect(looks).toEqual([]);
  });

  test("a token of one queue opens no other, nor another operation", async () => {
    const { queue } = await serve({ authorize: byToken });
    await put(queue("a"), "text/plain", "of a", bearer("a:create"));
    await put(queue("b"), "text/plain", "of b", bearer("b:create"));

    expect(await (await fetch(queue("a"), { headers: bearer("a:read") })).text()).toBe("of a");
    expect((await fetch(queue("b"), { headers: bearer("a:read") })).status).toBe(404);
    expect((await fetch(queue("a%2F..%2Fb"), { headers: bearer("a:read") })).status).toBe(400);
    expect((await fetch(queue("%62"), { headers: bearer("a:read") })).status).toBe(404);
    const removal = await fetch(queue("a"), { method: "DELETE", headers: bearer("a:read") });
    expect(removal.status).toBe(404);
    const creation = await put(queue("c"), "text/plain", "", bearer("a:create"));
    expect(creation.status).toBe(403);
  });

  test("who may not read a queue cannot fork it, nor learn whether it is there", async () => {
    const { queue, store } = await serve({ authorize: byToken });
    await put(queue("secret"), "text/plain", "secret", bearer("secret:create"));
    const fork = (from: string) =>
      fetch(queue("mine"), {
        method: "PUT",
        headers: { "stream-forked-from": `/v1/stream/${from}`, ...bearer("mine:create:read") },
      });

    const ofForbidden = await everythingOf(await fork("secret"));
    const ofMissing = await everythingOf(await fork("missing"));

    expect(ofForbidden).toEqual(ofMissing);
    expect(ofForbidden).toMatchObject({ status: 404 });
    expect(await store.info("mine")).toBeUndefined();
    await put(queue("mine"), "text/plain", "", bearer("mine:create"));
    expect(await everythingOf(await fork("secret"))).toEqual(ofMissing);
  });

  test("a request without credentials is challenged, whatever it asks for", async () => {
    const { queue } = await serve({ authorize: byToken });
    await put(queue("a"), "text/plain", "of a", bearer("a:create"));

    for (const name of ["a", "missing"]) {
      const answer = await fetch(queue(name));
      expect(answer.status).toBe(401);
      expect(answer.headers.get("www-authenticate")).toBe("Bearer");
    }
  });

  test("one that throws is a 500 that tells nothing, and is reported", async () => {
    const errors: unknown[] = [];
    const boom = new Error("the user table is on fire");
    const { queue } = await serve({
      authorize: () => Promise.reject(boom),
      onError: (error) => errors.push(error),
    });

    const answer = await fetch(queue("a"));

    expect(answer.status).toBe(500);
    expect(await answer.text()).not.toContain("fire");
    expect(errors).toEqual([boom]);
  });

  test("sees the whole request: method, address and headers", async () => {
    const seen: unknown[] = [];
    const { queue, server } = await serve({
      authorize: (request, access) => {
        seen.push([request.method, request.url, request.headers.get("X-Tenant"), access]);
        return true;
      },
    });

    await fetch(`${queue("a%2Fb")}?offset=-1`, { headers: { "x-tenant": "t" } });

    expect(seen).toEqual([
      ["GET", `${server.url}/v1/stream/a%2Fb?offset=-1`, "t", { queue: "a/b", operation: "read" }],
    ]);
  });
});

/** A store that notes every call made of it. */
function spiedStore(calls: string[]): Store {
  return new Proxy(createMemoryStore(), {
    get(store, name) {
      const value: unknown = Reflect.get(store, name, store);
      if (typeof value !== "function") return value;
      return (...given: unknown[]): unknown => {
        if (name !== "close") calls.push(String(name));
        return Reflect.apply(value, store, given);
      };
    },
  });
}
