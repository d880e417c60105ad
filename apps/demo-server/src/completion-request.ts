import type { ChatMessage, Question } from "./model.ts";
import { refuse } from "./openai-error.ts";

/** A request of OpenAI's chat completions, as far as it is understood here. */
export interface CompletionBody {
  readonly model: string;
  readonly messages: readonly {
    readonly role: "system" | "developer" | "user" | "assistant" | "tool" | "function";
    readonly content?: string | readonly { type: string; text?: string }[];
  }[];
  readonly stream?: boolean;
  readonly stream_options?: { readonly include_usage?: boolean } | null;
  readonly n?: number | null;
  readonly tools?: readonly unknown[] | null;
  readonly functions?: readonly unknown[] | null;
  readonly logprobs?: boolean | null;
  readonly response_format?: { readonly type: string } | null;
  readonly max_tokens?: number | null;
  readonly max_completion_tokens?: number | null;
  readonly temperature?: number | null;
  readonly top_p?: number | null;
  readonly stop?: string | readonly string[] | null;
  readonly seed?: number | null;
  readonly presence_penalty?: number | null;
  readonly frequency_penalty?: number | null;
}

const count = { type: "integer", minimum: 1, nullable: true };
const number = { type: "number", nullable: true };

export const completionBody = {
  type: "object",
  required: ["model", "messages"],
  properties: {
    model: { type: "string" },
    messages: {
      type: "array",
      minItems: 1,
      items: {
        type: "object",
        required: ["role"],
        properties: {
          role: { enum: ["system", "developer", "user", "assistant", "tool", "function"] },
          content: {
            anyOf: [
              { type: "string", nullable: true },
              {
                type: "array",
                items: {
                  type: "object",
                  required: ["type"],
                  properties: { type: { type: "string" }, text: { type: "string" } },
                },
              },
            ],
          },
        },
      },
    },
    stream: { type: "boolean", nullable: true },
    stream_options: {
      type: "object",
      nullable: true,
      properties: { include_usage: { type: "boolean" } },
    },
    n: count,
    max_tokens: count,
    max_completion_tokens: count,
    temperature: number,
    top_p: number,
    seed: { type: "integer", nullable: true },
    presence_penalty: number,
    frequency_penalty: number,
    stop: {
      anyOf: [
        { type: "string", nullable: true },
        { type: "array", items: { type: "string" } },
      ],
    },
  },
};

/** What is asked; throws a refusal for what would be left out of the answer if it were passed over. */
export function questionIn(body: CompletionBody): Question {
  if ((body.n ?? 1) !== 1) throw unsupported("n", "one choice is all there is");
  if (body.tools?.length) throw unsupported("tools", "tools are not passed on");
  if (body.functions?.length) throw unsupported("functions", "functions are not passed on");
  if (body.logprobs) throw unsupported("logprobs", "there are no log probabilities");
  if ((body.response_format?.type ?? "text") !== "text")
    throw unsupported("response_format", "answers are text");
  const messages = body.messages.map(({ role, content }, index): ChatMessage => {
    if (role === "tool" || role === "function")
      throw unsupported(`messages[${index}].role`, "tools are not passed on");
    return {
      role: role === "developer" ? "system" : role,
      content: textIn(content ?? "", `messages[${index}].content`),
    };
  });
  if (!messages.some(({ role, content }) => role === "user" && content !== ""))
    throw refuse("invalid_request", "messages", "messages must have one of the user's with a text");

  const maxTokens = body.max_completion_tokens ?? body.max_tokens;
  const settings = {
    ...(maxTokens != null && { maxTokens }),
    ...(body.temperature != null && { temperature: body.temperature }),
    ...(body.top_p != null && { topP: body.top_p }),
    ...(body.stop != null && { stop: body.stop }),
    ...(body.seed != null && { seed: body.seed }),
    ...(body.presence_penalty != null && { presencePenalty: body.presence_penalty }),
    ...(body.frequency_penalty != null && { frequencyPenalty: body.frequency_penalty }),
  };
  return { messages, ...(Object.keys(settings).length > 0 && { settings }) };
}

function textIn(content: string | readonly { type: string; text?: string }[], at: string): string {
  if (typeof content === "string") return content;
  return content
    .map(({ type, text = "" }, index) => {
      if (type === "text") return text;
      throw unsupported(`${at}[${index}].type`, `content may be text, not ${JSON.stringify(type)}`);
    })
    .join("");
}

function unsupported(param: string, why: string): Error {
  return refuse("unsupported_parameter", param, `${param} is not supported: ${why}`);
}
