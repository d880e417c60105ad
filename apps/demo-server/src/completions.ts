import type { FastifyInstance, FastifyReply } from "fastify";
import { nanoid } from "nanoid";
import type { Answers } from "./answers.ts";
import { idPattern } from "./chat.ts";
import { type CompletionBody, completionBody, questionIn } from "./completion-request.ts";
import { done, goneSignal } from "./events.ts";
import type { WholeAnswer } from "./model.ts";
import { type OpenAiError, openAiErrorOf, refuse } from "./openai-error.ts";
import type { Serving } from "./server.ts";

/**
 * OpenAI's chat completions, for its clients and those that speak like them. An answer's id is that of the
 * completion, and it is an answer like all others: each in a session of its own, written on when its client
 * goes, and there to be followed at the other addresses.
 */
export async function serveCompletions(server: FastifyInstance, serving: Serving): Promise<void> {
  const { answers } = serving;
  const { model } = answers;
  const created = Math.floor(Date.now() / 1000);
  const about = { id: model.name, object: "model", created, owned_by: "lazy" };

  await server.register(
    (scope, _options, ready) => {
      scope.setErrorHandler((error: Error, _request, reply) =>
        sendError(reply, openAiErrorOf(error)),
      );
      scope.setNotFoundHandler((request) => {
        throw refuse("not_found", null, `there is no ${request.method} ${request.url}`, 404);
      });
      scope.get("/models", () => ({ object: "list", data: [about] }));
      scope.get<{ Params: { model: string } }>("/models/:model", (request) => {
        checkModel(request.params.model);
        return about;
      });
      scope.post<{ Body: CompletionBody }>(
        "/chat/completions",
        { schema: { body: completionBody }, bodyLimit: 512 * 1024 },
        async (request, reply) => {
          const { body } = request;
          checkModel(body.model);
          const question = questionIn(body);
          const id = idOf(request.headers["idempotency-key"]);
          await answers.start({ id, question, mode: "isolated" });
          const completion = { id, created: Math.floor(Date.now() / 1000), model: model.name };
          reply.header("x-answer-id", id);
          if (body.stream) {
            const includeUsage = body.stream_options?.include_usage ?? false;
            return await stream(reply, completion, includeUsage);
          }
          const { text, whole } = await gather(answers, id, goneSignal(reply.raw));
          return reply.send({
            ...completion,
            object: "chat.completion",
            choices: [
              {
                index: 0,
                message: { role: "assistant", content: text, refusal: null },
                logprobs: null,
                finish_reason: whole.finishReason,
              },
            ],
            usage: usageOf(whole),
          });
        },
      );
      ready();
    },
    { prefix: "/v1" },
  );

  function checkModel(name: string): void {
    if (name === model.name) return;
    const message = `there is no model ${JSON.stringify(name)} here, but ${JSON.stringify(model.name)}`;
    throw refuse("model_not_found", "model", message, 404);
  }

  async function stream(
    reply: FastifyReply,
    completion: { id: string; created: number; model: string },
    includeUsage: boolean,
  ): Promise<void> {
    const signal = goneSignal(reply.raw);
    const tokens = answers.read(completion.id, "isolated", { signal })[Symbol.asyncIterator]();
    // What fails before its first token is told by the status, as clients expect of a 429.
    let next = await tokens.next();
    reply.hijack();
    const headers = { "x-answer-id": completion.id };
    const events = serving.openEvents(reply.raw, { signal, headers });
    const send = (choices: readonly object[], offset?: string, usage: object | null = null) =>
      events.send({
        ...(offset !== undefined && { id: offset }),
        data: {
          ...completion,
          object: "chat.completion.chunk",
          choices: choices.map((choice) => ({ index: 0, ...choice, logprobs: null })),
          ...(includeUsage && { usage }),
        },
      });
    try {
      await send([{ delta: { role: "assistant", content: "" }, finish_reason: null }]);
      for (; !next.done; next = await tokens.next()) {
        const { offset, value } = next.value;
        if (value.text !== "")
          await send([{ delta: { content: value.text }, finish_reason: null }], offset);
        if (value.whole === undefined) continue;
        await send([{ delta: {}, finish_reason: value.whole.finishReason }], offset);
        if (includeUsage) await send([], offset, usageOf(value.whole));
      }
      await events.send(done);
    } catch (error) {
      if (signal.aborted) return;
      // Without this, and with a stream that ends in good order, clients take a part for the whole.
      await events.send({ data: openAiErrorOf(error).body }).catch(() => {});
    }
    events.end();
  }
}

/** All of an answer; rejects like `read`. */
async function gather(
  answers: Answers,
  id: string,
  signal: AbortSignal,
): Promise<{ text: string; whole: WholeAnswer }> {
  let text = "";
  for await (const { value } of answers.read(id, "isolated", { signal })) {
    text += value.text;
    if (value.whole !== undefined) return { text, whole: value.whole };
  }
  throw new TypeError(`the answer ${id} ended without a last token`);
}

function usageOf({ usage: { promptTokens, completionTokens } }: WholeAnswer): object {
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
  };
}

/** A client that repeats a request under the same key gets the same answer, also after a crash. */
function idOf(key: string | string[] | undefined): string {
  if (key === undefined) return `chatcmpl-${nanoid()}`;
  if (typeof key === "string" && new RegExp(idPattern).test(key)) return key;
  const message = `the header idempotency-key must match ${idPattern}`;
  throw refuse("invalid_idempotency_key", null, message);
}

function sendError(reply: FastifyReply, { status, body }: OpenAiError): FastifyReply {
  // The clients would repeat what cannot succeed.
  if (body.error.code === "MODEL_KEY_REFUSED") reply.header("x-should-retry", "false");
  return reply.code(status).send(body);
}
