/** What a handler allows. Every limit has a default; each says what it protects and what passing it answers. */
export interface Limits {
  /** Longest body of a PUT or POST, in bytes; more is 413 before it is read. Default 1 MiB. */
  readonly bodyBytes: number;
  /** Longest name of a queue, in bytes of UTF-8; more is 400. Default 512. */
  readonly nameBytes: number;
  /** Readers that wait (SSE and long-poll) at one time; more are 503 with `Retry-After`. Default 10,000. */
  readonly readers: number;
  /** The same for one queue. Default: as `readers`. */
  readonly readersPerQueue: number;
  /** Queues in the store; a PUT of another is 429. Counting them costs a call of `stats`. Default: no limit. */
  readonly queues: number;
  /**
   * Memory for answers that are being written, in bytes, all together: with many at once each reads smaller
   * pieces, from 1 MiB down to 64 KiB. Default 32 MiB.
   */
  readonly answerBytes: number;
  /** A reader that takes nothing for so long is dropped; it resumes at its offset. Default 10,000 ms. */
  readonly slowReaderMs: number;
}

const defaults: Limits = {
  bodyBytes: 1024 * 1024,
  nameBytes: 512,
  readers: 10_000,
  readersPerQueue: Number.POSITIVE_INFINITY,
  queues: Number.POSITIVE_INFINITY,
  answerBytes: 32 * 1024 * 1024,
  slowReaderMs: 10_000,
};

/** The defaults with what was given. Throws a `TypeError` for a limit that is none. */
export function completeLimits(given: Partial<Limits> = {}): Limits {
  const limits = { ...defaults, ...given };
  for (const [name, value] of Object.entries(limits)) {
    if (typeof value !== "number" || !(value > 0)) {
      throw new TypeError(`limits.${name} is a number above 0, not ${String(value)}.`);
    }
  }
  return limits;
}
