import { isQueueError } from "@lazy/fsqueue";
import type { FastifyInstance } from "fastify";
import { nanoid } from "nanoid";
import type { Mode } from "./answers.ts";
import { DemoError, failureOf } from "./errors.ts";
import type { EventWriter } from "./events.ts";
import { fingerprint } from "./model.ts";
import { answerTo } from "./seeded-model.ts";
import type { Serving } from "./server.ts";

/** What clients may call an answer or a conversation. */
export const idPattern = "^[\\w.-]{1,100}$";

const retryMs = 500;

/** The demo's own addresses: begin an answer, follow one, follow many over one connection, stop one. */
export function serveChat(server: FastifyInstance, { answers, mode: usual, ...serving }: Serving) {
  server.post<{ Body: ChatBody }>(
    "/chat",
    { schema: { body: chatBody } },
    async (request, reply) => {
      const { prompt, id = nanoid(), mode = usual, stream = true } = request.body;
      const question = { messages: [{ role: "user" as const, content: prompt }] };
      const { created, wiped } = await answers.start({ id, question, mode });
      const about = { id, mode, answer: fingerprint(prompt), ...foreknown(prompt), wiped };
      if (!stream) return reply.code(created ? 201 : 200).send(about);

      reply.hijack();
      const events = serving.openEvents(reply.raw, { retryMs, headers: { "x-answer-id": id } });
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
      const mode = request.query.mode ?? usual;
      if (!(await answers.has(id, mode))) throw unknownAnswer(id);
      const from = lastEventId(request.headers) ?? request.query.from;
      // 204 tells an EventSource not to connect again.
      if (from !== undefined && (await answers.isReadTo(id, mode, from)))
        return reply.code(204).send();

      reply.hijack();
      const events = serving.openEvents(reply.raw, { retryMs });
      await relay({ id, mode, from, events });
      events.end();
    },
  );

  // A browser opens six connections to a server, and a page may show a thousand answers and more: here all share one.
  server.post<{ Body: WatchBody }>(
    "/watch",
    { schema: { body: watchBody }, bodyLimit: 256 * 1024 },
    async (request, reply) => {
      reply.hijack();
      const events = serving.openEvents(reply.raw, { retryMs });
      const { mode = usual, modes = {}, answers: offsets } = request.body;
      await Promise.all(
        Object.entries(offsets).map(([id, from]) =>
          relay({ id, mode: modes[id] ?? mode, from: from || undefined, events, tagged: true }),
        ),
      );
      events.end();
    },
  );

  server.delete<{ Params: { id: string } }>("/chat/:id", async (request, reply) => {
    const { id } = request.params;
    if (!(await answers.stop(id))) throw unknownAnswer(id);
    return reply.code(204).send();
  });

  /** The seeded generator tells beforehand how long a right answer is, so that a client can check its own. */
  function foreknown(prompt: string): { tokens?: number } {
    return answers.model.seeded ? { tokens: answerTo(prompt).length } : {};
  }

  /** Send an answer's tokens on as they come, and how it ended. */
  async function relay(to: {
    id: string;
    mode: Mode;
    from: string | undefined;
    events: EventWriter;
    tagged?: boolean;
  }): Promise<void> {
    const { id, mode, from, events, tagged = false } = to;
    const { signal } = events;
    const tag = tagged ? { id } : {};
    try {
      for await (const { offset, value, time } of answers.read(id, mode, { from, signal })) {
        const data = tagged ? { ...tag, offset, time, ...value } : value;
        await events.send({ event: "token", id: offset, data });
      }
      await events.send({ event: "end", data: { ...tag, status: "ok" } });
    } catch (error) {
      if (signal.aborted) return;
      const missing = isQueueError(error, "QUEUE_NOT_FOUND");
      const failure = failureOf(missing ? unknownAnswer(id) : error);
      await events.send({ event: "failed", data: { ...tag, ...failure } }).catch(() => {});
    }
  }
}

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
  /** The modes of those answers whose mode is another. */
  readonly modes?: Readonly<Record<string, Mode>>;
}

const modeProperty = { enum: ["isolated", "shared"] };
const id = { type: "string", pattern: idPattern };
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
      maxProperties: 1200,
      propertyNames: id,
      additionalProperties: { type: "string", maxLength: 255 },
    },
    mode: modeProperty,
    modes: { type: "object", maxProperties: 1200, additionalProperties: modeProperty },
  },
};

export function unknownAnswer(answerId: string): DemoError {
  return new DemoError("ANSWER_NOT_FOUND", 404, `there is no answer ${JSON.stringify(answerId)}`);
}

function lastEventId(
  headers: Readonly<Record<string, string | string[] | undefined>>,
): string | undefined {
  const value = headers["last-event-id"];
  return typeof value === "string" && value !== "" ? value : undefined;
}
