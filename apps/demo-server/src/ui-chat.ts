import type { FastifyInstance, FastifyReply } from "fastify";
import { nanoid } from "nanoid";
import { idPattern, unknownAnswer } from "./chat.ts";
import { DemoError, failureOf } from "./errors.ts";
import { done } from "./events.ts";
import type { ChatMessage } from "./model.ts";
import type { Serving } from "./server.ts";

/**
 * The UI message stream of the AI SDK (`ai` 5 and 6), for `useChat` and its `DefaultChatTransport`. Each
 * answer is one of its own, whose id is that of the message; the conversation only knows which was its
 * latest. Nothing is kept for a resume but what is kept anyway: it reads the answer from its start.
 */
export function serveUiChat(server: FastifyInstance, serving: Serving): void {
  const { answers } = serving;

  server.post<{ Body: UiChatBody }>(
    "/api/chat",
    { schema: { body: uiChatBody }, bodyLimit: 512 * 1024 },
    async (request, reply) => {
      const { id: conversation, messages: sent } = request.body;
      const messages = sent.map(messageIn).filter(({ content }) => content !== "");
      if (!messages.some(({ role }) => role === "user"))
        throw new DemoError("MESSAGES_INVALID", 400, "there is no message of the user's with text");
      const id = `msg-${nanoid()}`;
      await answers.start({ id, question: { messages }, mode: "isolated" });
      await answers.turns.add(conversation, id);
      await stream(reply, id);
    },
  );

  server.get<{ Params: { id: string } }>(
    "/api/chat/:id/stream",
    { schema: { params: uiChatParams } },
    async (request, reply) => {
      const id = await answers.turns.latest(request.params.id);
      if (id === undefined || !(await answers.isWriting(id))) return reply.code(204).send();
      await stream(reply, id);
    },
  );

  // To disconnect is not to stop, so stopping needs an address of its own.
  server.delete<{ Params: { id: string } }>(
    "/api/chat/:id/stream",
    { schema: { params: uiChatParams } },
    async (request, reply) => {
      const id = await answers.turns.latest(request.params.id);
      if (id === undefined || !(await answers.stop(id))) throw unknownAnswer(request.params.id);
      return reply.code(204).send();
    },
  );

  // What a page shows before it resumes: the latest turn, with all there is of its answer.
  server.get<{ Params: { id: string } }>(
    "/api/chat/:id",
    { schema: { params: uiChatParams } },
    async (request, reply) => {
      const id = await answers.turns.latest(request.params.id);
      const question = id === undefined ? undefined : await answers.questionOf(id);
      if (id === undefined || question === undefined) throw unknownAnswer(request.params.id);
      const asked = question.messages.map((message, index) => ({
        id: `${id}-${index}`,
        role: message.role,
        parts: [{ type: "text", text: message.content }],
      }));
      // One that is being written comes with the stream, from its start.
      if (await answers.isWriting(id)) return reply.send({ messages: asked });
      const text = await answers.textOf(id);
      const answered = { id, role: "assistant", parts: [{ type: "text", text }] };
      return reply.send({ messages: [...asked, answered] });
    },
  );

  /** Send an answer as the parts of a message, from its start to its end. */
  async function stream(reply: FastifyReply, id: string): Promise<void> {
    reply.hijack();
    const events = serving.openEvents(reply.raw, {
      headers: { "x-vercel-ai-ui-message-stream": "v1", "x-answer-id": id },
    });
    const send = (part: object, offset?: string): Promise<void> =>
      events.send({ ...(offset !== undefined && { id: offset }), data: part });
    try {
      await send({ type: "start", messageId: id });
      await send({ type: "start-step" });
      await send({ type: "text-start", id: "text" });
      const { signal } = events;
      for await (const { offset, value } of answers.read(id, "isolated", { signal })) {
        if (value.text !== "")
          await send({ type: "text-delta", id: "text", delta: value.text }, offset);
        if (value.whole === undefined) continue;
        await send({ type: "text-end", id: "text" });
        await send({ type: "finish-step" });
        const finishReason = value.whole.finishReason.replace("_", "-");
        await send({ type: "finish", finishReason });
      }
    } catch (error) {
      if (events.signal.aborted) return;
      const { code, message } = failureOf(error);
      const part =
        code === "ANSWER_STOPPED"
          ? { type: "abort" }
          : { type: "error", errorText: `${code}: ${message}` };
      await send(part).catch(() => {});
    }
    await events.send(done).catch(() => {});
    events.end();
  }
}

interface UiChatBody {
  /** The conversation's id. */
  readonly id: string;
  readonly messages: readonly UiMessage[];
}

interface UiMessage {
  readonly role: ChatMessage["role"];
  readonly parts: readonly { type: string; text?: string }[];
}

const uiChatBody = {
  type: "object",
  required: ["id", "messages"],
  properties: {
    id: { type: "string", pattern: idPattern },
    messages: {
      type: "array",
      minItems: 1,
      items: {
        type: "object",
        required: ["role", "parts"],
        properties: {
          role: { enum: ["system", "user", "assistant"] },
          parts: {
            type: "array",
            items: {
              type: "object",
              required: ["type"],
              properties: { type: { type: "string" }, text: { type: "string" } },
            },
          },
        },
      },
    },
  },
};

const uiChatParams = {
  type: "object",
  properties: { id: { type: "string", pattern: idPattern } },
};

/** The text of a message; the marks between its steps and the like are no part of it. */
function messageIn({ role, parts }: UiMessage): ChatMessage {
  if (parts.some(({ type }) => type === "file"))
    throw new DemoError("CONTENT_UNSUPPORTED", 400, "messages may have text, not files");
  const texts = parts.filter(({ type }) => type === "text").map(({ text = "" }) => text);
  return { role, content: texts.join("") };
}
