import { nanoid } from "nanoid";
import Fastify, { type FastifyInstance } from "fastify";
import type { Answers, Mode } from "./answers.ts";
import { type EventWriter, openEvents } from "./events.ts";
import { answerTo, fingerprint } from "./model.ts";
import { servePage } from "./page.ts";
import { serveStreams } from "./streams.ts";

/** The demo's HTTP interface over a set of answers. Not listening yet; `close` it before the answers. */
export async function createServer(options: {
  answers: Answers;
  mode: Mode;
}): Promise<FastifyInstance> {
  const { answers } = options;
  // Many clients connect in the same moment; the system's default of 511 would make them wait a second.
  const server = Fastify({ forceCloseConnections: true, bodyLimit: 64 * 1024 });
  const following = new Set<EventWriter>();
  // Streams last as long as their readers like: end them, so that closing does not wait for them.
  server.addHook("preClose", (done) => {
    for (const events of following) events.end();
    done();
  });

  server.setErrorHandler(
    (error: Error & { statusCode?: number; code?: string }, _request, reply) => {
      const { code = "INTERNAL", message } = error;
      const status = error.statusCode ?? statusOf[code] ?? 500;
      return reply.code(status).send({ error: { code, message } });
    },
  );

  server.post<{ Body: ChatBody }>(
    "/chat",
    { schema: { body: chatBody } },
    async (request, reply) => {
      const { prompt, id = nanoid(), mode = options.mode, stream = true } = request.body;
      const created = await answers.start({ id, prompt, mode });
      // The seeded model tells beforehand what a right answer is, so that a client can check its own.
      const expected = answerTo(prompt);
      const about = { id, mode, answer: fingerprint(prompt), tokens: expected.length };
      if (!stream) return reply.code(created ? 201 : 200).send(about);

      reply.hijack();
      const events = follow(openEvents(reply.raw, { "x-answer-id": id }));
      await events.send({ event: "started", data: about });
      await relay({ id, mode, from: lastEventId(request.headers), events });
      events.end();
    },
  );

  server.get<{ Params: { id: string }; Querystring: { mode?: Mode; from?: string } }>(
    "/chat/:id",
    { schema: { querystring: modeQuery } },
    async (request, reply) => {
      const { id } = request.params;
      const mode = request.query.mode ?? options.mode;
      if (!(await answers.has(id, mode))) return reply.code(404).send(unknownAnswer(id));
      const from = lastEventId(request.headers) ?? request.query.from;
      // 204 tells an EventSource not to connect again.
      if (from !== undefined && (await answers.isReadTo(id, mode, from)))
        return reply.code(204).send();

      reply.hijack();
      const events = follow(openEvents(reply.raw));
      await relay({ id, mode, from, events });
      events.end();
    },
  );

  // A browser opens six connections to a server, and a page may show a hundred answers: here all share one.
  server.post<{ Body: WatchBody }>(
    "/watch",
    { schema: { body: watchBody } },
    async (request, reply) => {
      reply.hijack();
      const events = follow(openEvents(reply.raw));
      const { mode = options.mode, answers: offsets } = request.body;
      await Promise.all(
        Object.entries(offsets).map(([id, from]) =>
          relay({ id, mode, from: from === "" ? undefined : from, events, tagged: true }),
        ),
      );
      events.end();
    },
  );

  server.delete<{ Params: { id: string } }>("/chat/:id", async (request, reply) => {
    const { id } = request.params;
    return answers.stop(id) ? reply.code(204).send() : reply.code(404).send(unknownAnswer(id));
  });

  server.get("/stats", () => answers.stats());
  serveStreams(server, answers.store);
  await servePage(server);
  return server;

  function follow(events: EventWriter): EventWriter {
    following.add(events);
    events.signal.addEventListener("abort", () => following.delete(events), { once: true });
    return events;
  }

  /** Send an answer's tokens on as they come, and how it ended. */
  async function relay(to: {
    id: string;
    mode: Mode;
    from: string | undefined;
    events: EventWriter;
    tagged?: boolean;
  }): Promise<void> {
    const { id, mode, from, events } = to;
    const tag = to.tagged ? { id } : {};
    try {
      for await (const { offset, value } of answers.read(id, mode, {
        from,
        signal: events.signal,
      })) {
        await events.send({
          event: "token",
          id: offset,
          data: to.tagged ? { ...tag, offset, ...value } : value,
        });
      }
      await events.send({ event: "end", data: { ...tag, status: "ok" } });
    } catch (error) {
      if (events.signal.aborted) return;
      const { code = "INTERNAL", message } = error as Error & { code?: string };
      await events.send({ event: "failed", data: { ...tag, code, message } }).catch(() => {});
    }
  }
}

/** What the reader's offset is to blame for. */
const statusOf: Readonly<Record<string, number>> = { OFFSET_INVALID: 400, OFFSET_TRIMMED: 410 };

interface ChatBody {
  readonly prompt: string;
  readonly id?: string;
  readonly mode?: Mode;
  /** False: only start it, and read it later. Default true. */
  readonly stream?: boolean;
}

interface WatchBody {
  /** The answers to follow, each with the last offset seen, or "" for its start. */
  readonly answers: Readonly<Record<string, string>>;
  readonly mode?: Mode;
}

const modeProperty = { enum: ["isolated", "shared"] };
const id = { type: "string", pattern: "^[\\w.-]{1,100}$" };
const chatBody = {
  type: "object",
  required: ["prompt"],
  properties: {
    prompt: { type: "string", minLength: 1, maxLength: 4000 },
    id,
    mode: modeProperty,
    stream: { type: "boolean" },
  },
};
const modeQuery = {
  type: "object",
  properties: { mode: modeProperty, from: { type: "string", maxLength: 255 } },
};
const watchBody = {
  type: "object",
  required: ["answers"],
  properties: {
    answers: {
      type: "object",
      maxProperties: 500,
      propertyNames: id,
      additionalProperties: { type: "string", maxLength: 255 },
    },
    mode: modeProperty,
  },
};

function unknownAnswer(answerId: string): object {
  return {
    error: { code: "ANSWER_NOT_FOUND", message: `there is no answer ${JSON.stringify(answerId)}` },
  };
}

function lastEventId(
  headers: Readonly<Record<string, string | string[] | undefined>>,
): string | undefined {
  const value = headers["last-event-id"];
  return typeof value === "string" && value !== "" ? value : undefined;
}
