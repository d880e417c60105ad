import { createHash } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { type Model, type Token, type WholeAnswer, fingerprint, promptOf } from "./model.ts";

const openings = [
  "Read closely,",
  "In short,",
  "Put differently,",
  "Step by step:",
  "As it stands,",
];
const subjects = [
  "the request",
  "a session",
  "the stream",
  "each reader",
  "the queue",
  "one writer",
];
const verbs = [
  "keeps",
  "carries",
  "returns to",
  "never loses",
  "waits for",
  "resumes at",
  "hands on",
];
const objects = [
  "its own order",
  "what was asked",
  "the last offset",
  "every message",
  "its caller",
];
const closings = [
  "and nothing else.",
  "exactly once.",
  "until it ends.",
  "in that order.",
  "and then stops.",
];

/**
 * The embedded stand-in for a language model: it needs no key and no network, and does not understand
 * anything. Of a question it takes the prompt and `maxTokens`.
 */
export function createSeededModel(options: {
  /** How fast it speaks. 0 means as fast as it can. */
  readonly tokensPerSecond: number;
}): Model {
  const { tokensPerSecond } = options;
  return {
    name: "lazy-seeded",
    seeded: true,
    async *answer(question, { from, signal }) {
      const tokens = answerTo(promptOf(question), question.settings);
      for (const token of tokens.slice(from)) {
        if (tokensPerSecond > 0) await pause(1000 / tokensPerSecond, undefined, { signal });
        yield token;
      }
    },
  };
}

/** The answer to a prompt: always the same, so that whoever knows the prompt can check every token. */
export function answerTo(
  prompt: string,
  { maxTokens = Infinity }: { readonly maxTokens?: number } = {},
): Token[] {
  const answer = fingerprint(prompt);
  const random = createRandom(Number.parseInt(answer.slice(0, 8), 16));
  const pick = (words: readonly string[]): string => words[Math.floor(random() * words.length)]!;
  const own = prompt.match(/[\p{L}\p{N}]{4,}/gu) ?? ["nothing"];

  const sentences = Array.from({ length: 3 + Math.floor(random() * 5) }, () =>
    [
      pick(openings),
      pick(subjects),
      pick(verbs),
      pick(objects),
      `of “${pick(own)}”`,
      pick(closings),
    ].join(" "),
  );
  const all = sentences.join(" ").split(" ");
  const words = all.slice(0, maxTokens);
  const whole: WholeAnswer = {
    sha256: createHash("sha256").update(words.join(" ")).digest("hex"),
    finishReason: words.length < all.length ? "length" : "stop",
    usage: { promptTokens: prompt.split(/\s+/).length, completionTokens: words.length },
  };
  const tokenAt = (word: string, index: number): Token => {
    const text = index === 0 ? word : ` ${word}`;
    return index < words.length - 1
      ? { answer, index, text, last: false }
      : { answer, index, text, last: true, whole };
  };
  return words.map(tokenAt);
}

/** Mulberry32 (Tommy Ettinger, 2017): small, seeded and good enough to pick words. */
function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
