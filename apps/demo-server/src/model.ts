import { createHash } from "node:crypto";

/** A piece of an answer as it is streamed. */
export interface Token {
  /** Which answer it belongs to: the fingerprint of its prompt. Tells a foreign token from one's own. */
  readonly answer: string;
  /** Its place in the answer, from 0. */
  readonly index: number;
  readonly text: string;
  /** True for the last token of the answer. */
  readonly last: boolean;
}

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
 * The embedded stand-in for a language model: it needs no key and no network, and the same prompt always
 * gives the same answer, so that whoever knows the prompt can check every token. It does not understand
 * anything.
 */
export function answerTo(prompt: string): Token[] {
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
  const words = sentences.join(" ").split(" ");
  return words.map((word, index) => ({
    answer,
    index,
    text: index === 0 ? word : ` ${word}`,
    last: index === words.length - 1,
  }));
}

/** 16 hexadecimal digits that name the answer to a prompt. */
export function fingerprint(prompt: string): string {
  return createHash("sha256").update(prompt).digest("hex").slice(0, 16);
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
