import { createHash } from "node:crypto";
import type { Failure } from "./errors.ts";

/** One message of a conversation. */
export interface ChatMessage {
  readonly role: "system" | "user" | "assistant";
  readonly content: string;
}

/** What is asked of a model, in the units of OpenAI's chat completions. */
export interface Question {
  /** The conversation, oldest message first. */
  readonly messages: readonly ChatMessage[];
  readonly settings?: {
    /** The most tokens the answer may have. */
    readonly maxTokens?: number;
    readonly temperature?: number;
    readonly topP?: number;
    readonly stop?: string | readonly string[];
    readonly seed?: number;
    readonly presencePenalty?: number;
    readonly frequencyPenalty?: number;
  };
}

/** A piece of an answer as it is streamed. */
export interface Token {
  /** Which answer it belongs to: the fingerprint of its prompt. Tells a foreign token from one's own. */
  readonly answer: string;
  /** Its place in the answer, from 0. */
  readonly index: number;
  readonly text: string;
  /** True for the last token of the answer. */
  readonly last: boolean;
  /** With the last token: what there is to say of the whole answer. */
  readonly whole?: WholeAnswer;
  /** With the last token of an answer that did not end well in a session that goes on for others. */
  readonly failure?: Failure;
}

/** What is known of an answer once all of it was written. */
export interface WholeAnswer {
  /** SHA-256 of all texts together, in hexadecimal digits: lets a reader check what it put together. */
  readonly sha256: string;
  readonly finishReason: FinishReason;
  readonly usage: { readonly promptTokens: number; readonly completionTokens: number };
}

/** Why an answer ended well: by itself, at `maxTokens`, or by the model's content filter. */
export type FinishReason = "stop" | "length" | "content_filter";

/** Whatever answers questions. */
export interface Model {
  /** As clients name it. */
  readonly name: string;
  /**
   * True when the same question always has the same answer, so that one that was cut short can be continued
   * from any token on, and whoever knows the prompt can check it.
   */
  readonly seeded: boolean;
  /**
   * The answer's tokens, from token number `from` on (0 unless the model is seeded); the last one has
   * `last` and `whole`. Throws the signal's reason, and a `DemoError` when the model fails.
   */
  answer(
    question: Question,
    options: { readonly from: number; readonly signal: AbortSignal },
  ): AsyncIterable<Token>;
}

/** The text that is asked now: the latest of the user's messages, or "". */
export function promptOf({ messages }: Question): string {
  return messages.findLast(({ role }) => role === "user")?.content ?? "";
}

/** 16 hexadecimal digits that name the answer to a prompt. */
export function fingerprint(prompt: string): string {
  return createHash("sha256").update(prompt).digest("hex").slice(0, 16);
}
