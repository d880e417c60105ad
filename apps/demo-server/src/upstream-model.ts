import { createHash } from "node:crypto";
import OpenAI, { APIConnectionError, APIConnectionTimeoutError, APIError } from "openai";
import { DemoError } from "./errors.ts";
import { type FinishReason, type Model, type Question, fingerprint, promptOf } from "./model.ts";

/**
 * A model behind any server that speaks OpenAI's chat completions. It ends an answer with
 *
 * - `MODEL_UNREACHABLE`: there is no connection to be had;
 * - `MODEL_KEY_REFUSED`: status 401 or 403;
 * - `MODEL_RATE_LIMITED`: status 429, also when asked again;
 * - `MODEL_REFUSED`: any other status from 400 to 499;
 * - `MODEL_FAILED`: status 500 or above, also when asked again;
 * - `MODEL_TIMED_OUT`: nothing came for `idleMs`;
 * - `MODEL_BROKE_OFF`: the stream ended, or told an error, before the model had finished.
 *
 * Refused connections and the statuses 408, 409, 429 and 500 and above are tried once more; nothing is once
 * a token has come.
 */
export function createUpstreamModel(options: {
  /** As OpenAI's clients have it, with the version: `http://127.0.0.1:11434/v1`. */
  readonly baseUrl: string;
  /** Sent to that server and nowhere else. Without it, the word `none` is sent. */
  readonly apiKey?: string | undefined;
  readonly model: string;
  /** The longest silence, in milliseconds. Default two minutes. */
  readonly idleMs?: number;
}): Model {
  const { baseUrl, apiKey, model, idleMs = 120_000 } = options;
  const client = new OpenAI({
    baseURL: baseUrl,
    apiKey: apiKey ?? "none",
    // Else they are taken from the environment, and sent to whatever server this is.
    organization: null,
    project: null,
    maxRetries: 1,
    timeout: idleMs,
    logLevel: "off",
  });

  return {
    name: model,
    seeded: false,
    async *answer(question, { signal }) {
      const answer = fingerprint(promptOf(question));
      const hash = createHash("sha256");
      const silence = new AbortController();
      const watchdog = setTimeout(() => silence.abort(), idleMs);
      let index = 0;
      let finishReason: string | undefined;
      let usage: OpenAI.CompletionUsage | undefined;
      try {
        const chunks = await client.chat.completions.create(
          { model, ...requestOf(question), stream: true, stream_options: { include_usage: true } },
          { signal: AbortSignal.any([signal, silence.signal]) },
        );
        for await (const chunk of chunks) {
          watchdog.refresh();
          const choice = chunk.choices[0];
          const text = choice?.delta.content ?? choice?.delta.refusal ?? "";
          finishReason ??= choice?.finish_reason ?? undefined;
          usage = chunk.usage ?? usage;
          if (text === "") continue;
          hash.update(text);
          yield { answer, index: index++, text, last: false };
        }
      } catch (error) {
        signal.throwIfAborted();
        if (silence.signal.aborted) throw timedOut(idleMs);
        throw failureOfUpstream(error, { begun: index > 0, apiKey, idleMs });
      } finally {
        clearTimeout(watchdog);
      }
      // An aborted stream, and one whose connection was closed in good order, end like a whole one.
      signal.throwIfAborted();
      if (silence.signal.aborted) throw timedOut(idleMs);
      if (finishReason === undefined) throw brokeOff("it ended before the model had finished");
      yield {
        answer,
        index,
        text: "",
        last: true,
        whole: {
          sha256: hash.digest("hex"),
          finishReason: knownReason(finishReason),
          usage: {
            promptTokens: usage?.prompt_tokens ?? 0,
            completionTokens: usage?.completion_tokens ?? index,
          },
        },
      };
    },
  };
}

function requestOf({ messages, settings = {} }: Question) {
  const { maxTokens, temperature, topP, stop, seed, presencePenalty, frequencyPenalty } = settings;
  return {
    messages: messages.map((message) => ({ ...message })),
    ...(maxTokens !== undefined && { max_tokens: maxTokens }),
    ...(temperature !== undefined && { temperature }),
    ...(topP !== undefined && { top_p: topP }),
    ...(stop !== undefined && { stop: typeof stop === "string" ? stop : [...stop] }),
    ...(seed !== undefined && { seed }),
    ...(presencePenalty !== undefined && { presence_penalty: presencePenalty }),
    ...(frequencyPenalty !== undefined && { frequency_penalty: frequencyPenalty }),
  };
}

function knownReason(reason: string): FinishReason {
  return reason === "length" || reason === "content_filter" ? reason : "stop";
}

function failureOfUpstream(
  error: unknown,
  { begun, apiKey, idleMs }: { begun: boolean; apiKey: string | undefined; idleMs: number },
): DemoError {
  // Its text is the other server's, which may quote the key.
  const said = error instanceof Error ? error.message : String(error);
  const text = apiKey === undefined ? said : said.replaceAll(apiKey, "[key]");
  if (error instanceof APIConnectionTimeoutError) return timedOut(idleMs);
  if (begun) return brokeOff(text);
  if (error instanceof APIConnectionError)
    return new DemoError("MODEL_UNREACHABLE", 502, "the model's server cannot be reached");
  const status = error instanceof APIError ? error.status : undefined;
  if (status === undefined) return brokeOff(text);
  if (status === 401 || status === 403)
    return new DemoError("MODEL_KEY_REFUSED", 502, `the model's server refused the key: ${status}`);
  if (status === 429)
    return new DemoError("MODEL_RATE_LIMITED", 429, "the model's server wants fewer requests: 429");
  if (status < 500)
    return new DemoError("MODEL_REFUSED", 400, `the model's server refused the question: ${text}`);
  return new DemoError("MODEL_FAILED", 502, `the model's server failed: ${status}`);
}

function brokeOff(why: string): DemoError {
  return new DemoError("MODEL_BROKE_OFF", 502, `the model's stream broke off: ${why}`);
}

function timedOut(idleMs: number): DemoError {
  return new DemoError("MODEL_TIMED_OUT", 504, `nothing came from the model for ${idleMs} ms`);
}
