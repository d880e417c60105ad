import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setImmediate } from "node:timers/promises";
import { serve } from "@hono/node-server";
import { defineGlobals, session, type SessionOutcome } from "@lazy/context";
import { sessionMiddleware as expressSession } from "@lazy/context/express";
import { sessionPlugin } from "@lazy/context/fastify";
import { withSession as fetchSession } from "@lazy/context/fetch";
import { sessionMiddleware as honoSession } from "@lazy/context/hono";
import { withSession } from "@lazy/context/node";
import express from "express";
import fastify from "fastify";
import { Hono } from "hono";
import { streamSSE } from "hono/streaming";
import { afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { post, storm, until } from "./http.ts";

const chat = defineGlobals({ user: null as string | null, tokens: 0 });
const outcomes: SessionOutcome[] = [];

/** What each handler does: read the body, remember it, and stream it back, a token at a time. */
async function* talk(user: string): AsyncGenerator<string> {
  const s = session.current();
  s.onDispose((outcome) => void outcomes.push(outcome));
  chat.user = user;
  for (let i = 0; i < 5; i++) {
    await setImmediate();
    if (chat.user !== user) throw new Error(`mixed: ${chat.user} instead of ${user}`);
    chat.tokens += 1;
    yield `data: ${chat.user} ${chat.tokens}\n\n`;
    // Slow enough that a client can go away in between.
    if (user.startsWith("slow")) await until(() => s.signal.aborted || s.disposed);
    if (s.disposed) return;
  }
}

/** The same as a body for those that answer with one. */
function streamOf(user: string): ReadableStream<Uint8Array> {
  const tokens = talk(user);
  return new ReadableStream(
    {
      async pull(controller) {
        const { done, value } = await tokens.next();
        if (done) controller.close();
        else controller.enqueue(new TextEncoder().encode(value));
      },
      cancel: async () => void (await tokens.return(undefined)),
    },
    { highWaterMark: 0 },
  );
}

async function readAll(request: AsyncIterable<unknown>): Promise<string> {
  let text = "";
  for await (const chunk of request) text += String(chunk);
  return text;
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const user = await readAll(request);
  if (user === "fail") throw new Error("fail");
  response.setHeader("content-type", "text/event-stream");
  for await (const part of talk(user)) if (!response.destroyed) response.write(part);
  response.end();
}

const servers: Record<string, () => Promise<{ port: number; close: () => Promise<unknown> }>> = {
  async "node:http"() {
    const listener = withSession((request: IncomingMessage, response: ServerResponse) =>
      answer(request, response).catch((error: unknown) => {
        response.writeHead(500).end(String(error));
        throw error;
      }),
    );
    const server = createServer((request, response) => {
      (listener(request, response) as Promise<void>).catch(() => undefined);
    });
    return listening(server.listen(0, "127.0.0.1"));
  },
  async express() {
    const app = express();
    app.use(expressSession());
    app.post("/", (request, response) => answer(request, response));
    return listening(createServer(app).listen(0, "127.0.0.1"));
  },
  async fastify() {
    const app = fastify({ forceCloseConnections: true });
    await app.register(sessionPlugin);
    app.addContentTypeParser("*", { parseAs: "string" }, (_request, body, done) => {
      // The parser already runs in the session.
      chat.user = "parsing";
      done(null, body);
    });
    app.post("/", (request, reply) => {
      expect(chat.user).toBe("parsing");
      if (request.body === "fail") throw new Error("fail");
      const stream = streamOf(request.body as string);
      return reply.type("text/event-stream").send(stream);
    });
    await app.listen({ port: 0, host: "127.0.0.1" });
    return { port: (app.server.address() as AddressInfo).port, close: () => app.close() };
  },
  async fetch() {
    const handler = fetchSession(async (request: Request) => {
      const user = await request.text();
      if (user === "fail") throw new Error("fail");
      return new Response(streamOf(user), { headers: { "content-type": "text/event-stream" } });
    });
    return listening(serve({ fetch: handler, port: 0, hostname: "127.0.0.1" }) as Server);
  },
  async hono() {
    const app = new Hono();
    app.use(honoSession());
    app.post("/", async (context) => {
      const user = await context.req.text();
      if (user === "fail") throw new Error("fail");
      return streamSSE(context, async (sse) => {
        for await (const part of talk(user)) {
          if (sse.aborted) break;
          await sse.write(part);
        }
      });
    });
    app.onError((error, context) => context.text(String(error), 500));
    return listening(serve({ fetch: app.fetch, port: 0, hostname: "127.0.0.1" }) as Server);
  },
};

async function listening(server: Server) {
  await until(() => server.listening);
  return {
    port: (server.address() as AddressInfo).port,
    close: async () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

// @hono/node-server logs each client that goes away.
beforeAll(() => void vi.spyOn(console, "error").mockImplementation(() => undefined));
beforeAll(() => void vi.spyOn(console, "info").mockImplementation(() => undefined));

describe.each(Object.keys(servers))("%s", (name) => {
  let close: (() => Promise<unknown>) | undefined;
  afterEach(async () => {
    await close?.();
    outcomes.length = 0;
  });
  const start = async (): Promise<number> => {
    const server = await servers[name]!();
    ({ close } = server);
    return server.port;
  };

  test("a request has a session of its own, to the end of its response", async () => {
    const { live, opened } = session.stats;
    const port = await start();
    const answers = await Promise.all(["ada", "bob"].map((user) => post(port, user)));
    for (const [i, user] of ["ada", "bob"].entries()) {
      expect(answers[i]!.body).toBe([1, 2, 3, 4, 5].map((n) => `data: ${user} ${n}\n\n`).join(""));
    }
    await until(() => session.stats.live === live);
    expect(session.stats.opened).toBe(opened + 2);
    expect(outcomes).toEqual([{ status: "ok" }, { status: "ok" }]);
  });

  test("a client that goes away aborts its session", async () => {
    const { live } = session.stats;
    const port = await start();
    await post(port, "slow", { abortAfter: "slow 1" });
    await until(() => session.stats.live === live);
    expect(outcomes.map(({ status }) => status)).toEqual(["aborted"]);
  });

  test("a handler that fails leaves no session open", async () => {
    const { live } = session.stats;
    const port = await start();
    expect((await post(port, "fail")).status).toBe(500);
    await until(() => session.stats.live === live);
  });

  test("40 requests over 2 keep-alive sockets, a quarter of them aborted, leave none", async () => {
    const { live, opened } = session.stats;
    const port = await start();
    const { mixed, aborted, whole } = await storm(port, 40);
    expect({ mixed, aborted, whole }).toEqual({ mixed: 0, aborted: 10, whole: 30 });
    await until(() => session.stats.live === live);
    expect(session.stats.opened).toBe(opened + 40);
    expect(outcomes.filter(({ status }) => status === "ok")).toHaveLength(30);
    expect(outcomes.filter(({ status }) => status === "aborted")).toHaveLength(10);
  });
});
