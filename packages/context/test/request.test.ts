import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { defineGlobals, session, type SessionOutcome } from "@lazy/context";
import { withSession as withFetchSession } from "@lazy/context/fetch";
import { sessionMiddleware as honoSession } from "@lazy/context/hono";
import { withSession as withNodeSession, type RequestSessionOptions } from "@lazy/context/node";
import { Hono } from "hono";
import { describe, expect, test } from "vitest";
import { post, until } from "./http.ts";

const tenant = defineGlobals(
  { name: null as string | null },
  { name: "tenant", policy: { name: { propagate: true } } },
);

function injected(): Record<string, string> {
  return session.run({ id: "carried" }, () => {
    tenant.name = "acme";
    return session.inject();
  });
}

const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

function fetchRequest(init: RequestInit = {}): Request {
  return new Request("http://localhost/", init);
}

describe("a Fetch handler", () => {
  test("has a session until the body of its Response is read to its end", async () => {
    const { live } = session.stats;
    const handler = withFetchSession(async (given: Request, suffix: string) => {
      expect(session.current().framework.fetch?.request).toBe(given);
      tenant.name = suffix;
      return new Response(
        new ReadableStream({
          pull(controller) {
            controller.enqueue(new TextEncoder().encode(String(tenant.name)));
            controller.close();
          },
        }),
      );
    });
    const response = await handler(fetchRequest(), "x");
    expect(session.stats.live).toBe(live + 1);
    expect(await response.text()).toBe("x");
    expect(session.stats.live).toBe(live);
  });

  test.each(["HEAD", "GET"])("%s ends it, body or none", async (method) => {
    const { live } = session.stats;
    let cancelled = 0;
    const handler = withFetchSession(() =>
      method === "GET"
        ? new Response(null, { status: 204 })
        : new Response(new ReadableStream({ cancel: () => void cancelled++ }), { status: 203 }),
    );
    const response = await handler(fetchRequest({ method }));
    expect([response.status, response.body]).toEqual([method === "GET" ? 204 : 203, null]);
    expect([session.stats.live, cancelled]).toEqual([live, method === "GET" ? 0 : 1]);
  });

  test("whose request aborts has its body cancelled and its session aborted", async () => {
    const controller = new AbortController();
    let outcome: SessionOutcome | undefined;
    const handler = withFetchSession(() => {
      session.current().onDispose((ended) => void (outcome = ended));
      return new Response(new ReadableStream({}));
    });
    const response = await handler(fetchRequest({ signal: controller.signal }));
    const reading = response.text();
    controller.abort(new Error("gone"));
    await expect(reading).rejects.toThrow("gone");
    expect(outcome).toMatchObject({ status: "aborted", reason: { message: "gone" } });
  });

  test("that throws rejects, and leaves no session", async () => {
    const { live } = session.stats;
    const handler = withFetchSession(() => {
      throw new Error("boom");
    });
    await expect(handler(fetchRequest())).rejects.toThrow("boom");
    expect(session.stats.live).toBe(live);
  });
});

test("Hono answers HEAD and errors, and leaves no session", async () => {
  const { live } = session.stats;
  const app = new Hono();
  app.use(honoSession());
  app.get("/", (context) => context.body(new ReadableStream({})));
  app.get("/fail", () => {
    throw new Error("boom");
  });
  app.onError((_error, context) => context.text("sorry", 500));
  expect((await app.request("/", { method: "HEAD" })).status).toBe(200);
  expect(await (await app.request("/fail")).text()).toBe("sorry");
  expect(await (await app.request("/nowhere")).text()).toContain("404");
  await until(() => session.stats.live === live);
});

async function serve(options: RequestSessionOptions<IncomingMessage>): Promise<unknown> {
  const listener = withNodeSession((_request: IncomingMessage, response: ServerResponse) => {
    const s = session.current();
    expect(s.framework.node?.response).toBe(response);
    response.end(
      JSON.stringify([s.id, tenant.name, session.inject()["traceparent"] === traceparent]),
    );
  }, options);
  const server = createServer(listener).listen(0, "127.0.0.1");
  await until(() => server.listening);
  const { port } = server.address() as AddressInfo;
  const { body } = await post(port, "", { headers: { ...injected(), traceparent } });
  server.close();
  return JSON.parse(body);
}

describe("what an adapter takes from a request's headers", () => {
  test("is the trace alone by default", async () => {
    expect(await serve({})).toEqual([expect.stringMatching(/^[\w-]{21}$/), null, true]);
    expect(await serve({ extract: () => false, id: () => "mine" })).toEqual(["mine", null, true]);
  });

  test("is id and globals where it is told to trust it", async () => {
    expect(await serve({ extract: true })).toEqual(["carried", "acme", true]);
    const options: RequestSessionOptions<IncomingMessage> = {
      extract: (request) => request.method === "POST",
      id: () => "mine",
    };
    expect(await serve(options)).toEqual(["mine", "acme", true]);
  });
});

test("a node:http listener that throws or rejects still does so", async () => {
  const boom = new Error("boom");
  const outcomes: SessionOutcome[] = [];
  const response = () => new FakeResponse();
  class FakeResponse extends (await import("node:events")).EventEmitter {
    writableFinished = true;
    headers = {};
  }
  const note = () => session.current().onDispose((outcome) => void outcomes.push(outcome));
  const throwing = withNodeSession(() => {
    note();
    throw boom;
  });
  const rejecting = withNodeSession(async () => {
    note();
    throw boom;
  });
  const first = response();
  expect(() => throwing(first, first)).toThrow(boom);
  const second = response();
  await expect(rejecting(second, second)).rejects.toBe(boom);
  first.emit("close");
  second.emit("close");
  await until(() => outcomes.length === 2);
  expect(outcomes).toEqual([
    { status: "error", error: boom },
    { status: "error", error: boom },
  ]);
});
