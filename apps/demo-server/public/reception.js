// @ts-check
// What was received of one answer, judged token by token, and whole by its hash.

/**
 * @typedef {{ id: string, mode: string, answer: string, tokens?: number }} Known What the server told when
 *   the answer was begun: `answer` names it in its tokens; `tokens`, how many a right one has.
 * @typedef {{ id: string, offset: string, time: number, answer: string, index: number, text: string,
 *   last: boolean, whole?: { sha256: string } }} Token
 * @typedef {"own" | "foreign" | "duplicated"} Judgement
 */

export class Reception {
  /** The offset of the last token received, or "". */
  offset = "";
  /** Where it was last taken up again; undefined if it never had to be. @type {string | undefined} */
  resumedAt = undefined;
  received = 0;
  foreign = 0;
  duplicated = 0;
  ended = false;
  /** Why it ended badly. @type {{ code: string, message: string } | undefined} */
  failure = undefined;
  /** Undefined until compared; null where the browser cannot. @type {boolean | null | undefined} */
  hashIsRight = undefined;
  sha256 = "";
  text = "";
  /** @type {Set<number>} */
  #seen = new Set();
  /** @type {number | undefined} */
  #expected;

  /** @param {Known} known */
  constructor({ id, mode, answer, tokens }) {
    this.id = id;
    this.mode = mode;
    this.answer = answer;
    this.#expected = tokens;
  }

  /** @param {Token} token @returns {Judgement} */
  take({ offset, answer, index, text, last, whole }) {
    this.received += 1;
    this.offset = offset;
    if (answer !== this.answer) {
      this.foreign += 1;
      return "foreign";
    }
    if (this.#seen.has(index)) {
      this.duplicated += 1;
      return "duplicated";
    }
    this.#seen.add(index);
    this.text += text;
    if (last) this.#expected ??= index + 1;
    this.sha256 = whole?.sha256 ?? this.sha256;
    return "own";
  }

  /** Of 1. */
  get progress() {
    return this.ended && !this.failure ? 1 : this.#seen.size / (this.#expected ?? Infinity);
  }

  /** Tokens that never came; known when it has ended. */
  get missing() {
    return this.ended && !this.failure ? (this.#expected ?? 0) - this.#seen.size : 0;
  }

  get faultless() {
    return this.foreign + this.duplicated + this.missing === 0 && this.hashIsRight !== false;
  }

  /** It has ended, well or not: compare what was put together with the hash that came with the last token. */
  async end(/** @type {{ code: string, message: string } | undefined} */ failure) {
    this.failure = failure;
    this.ended = true;
    if (failure || this.sha256 === "") return;
    this.hashIsRight = await hashIs(this.sha256, this.text);
  }
}

/** @param {string} expected @param {string} text */
async function hashIs(expected, text) {
  // Only pages from https and from this machine may hash.
  if (!globalThis.crypto?.subtle) return null;
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  const found = Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0"));
  return found.join("") === expected;
}
