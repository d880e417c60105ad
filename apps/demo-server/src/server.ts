import Fastify, { type FastifyInstance } from "fastify";
import type { Answers, Mode } from "./answers.ts";
import { serveChat } from "./chat.ts";
import { serveCompletions } from "./completions.ts";
import { type EventWriter, openEvents } from "./events.ts";
import { DemoError, failureOf, statusOfFailure } from "./errors.ts";
import { servePage } from "./page.ts";
import { readStats } from "./stats.ts";
import { serveStorm } from "./storm-route.ts";
import { serveStreams } from "./streams.ts";
import { serveUiChat } from "./ui-chat.ts";

/** What the routes share. */
export interface Serving {
  readonly answers: Answers;
  /** The mode of answers for which none is asked. */
  readonly mode: Mode;
  /** Like `openEvents`, for a stream that is to end when the server closes. */
  openEvents(...parameters: Parameters<typeof openEvents>): EventWriter;
}

/** The demo's HTTP interface over a set of answers. Not listening yet; `close` it before the answers. */
export async function createServer(options: {
  answers: Answers;
  mode: Mode;
}): Promise<FastifyInstance> {
  const { answers, mode } = options;
  const server = Fastify({
    forceCloseConnections: true,
    bodyLimit: 64 * 1024,
    // What is not as it must be is refused, not made to fit.
    ajv: { customOptions: { coerceTypes: false } },
  });
  const following = new Set<EventWriter>();
  // Streams last as long as their readers like: end them, so that closing does not wait for them.
  server.addHook("preClose", (done) => {
    for (const events of following) events.end();
    done();
  });

  server.setErrorHandler((error: Error & { statusCode?: number }, _request, reply) => {
    const failure = failureOf(error);
    return reply
      .code(error.statusCode ?? statusOfFailure(failure.code))
      .send({ error: { code: failure.code, message: failure.message } });
  });

  server.setNotFoundHandler((request) => {
    throw new DemoError("NOT_FOUND", 404, `there is no ${request.method} ${request.url}`);
  });

  const serving: Serving = {
    answers,
    mode,
    openEvents(...parameters) {
      const events = openEvents(...parameters);
      following.add(events);
      events.signal.addEventListener("abort", () => following.delete(events), { once: true });
      return events;
    },
  };
  serveChat(server, serving);
  serveStorm(server, serving);
  serveUiChat(server, serving);
  await serveCompletions(server, serving);
  server.get("/stats", () => readStats(answers));
  serveStreams(server, answers.store);
  await servePage(server);
  return server;
}
