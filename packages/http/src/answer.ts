/** Header names in lower case. */
export type AnswerHeaders = Record<string, string>;

/** What the core answers, in terms of no server: the adapters for Fetch and for Node write it out. */
export interface Answer {
  readonly status: number;
  readonly headers: AnswerHeaders;
  /** Absent: no body. Bytes: all of it, 64 KiB at most. Otherwise it is pulled piece by piece. */
  readonly body?: Uint8Array | PulledBody;
}

/** A body that is made as it is asked for: nothing is read ahead of the client. */
export interface PulledBody {
  /**
   * The next piece, or undefined at the end. Never called again before it has settled. The piece is valid
   * until the next call: its memory may be used again.
   */
  next(): Promise<Uint8Array | undefined>;
  /** Give up: the client has gone, or does not read. A pending `next` settles soon. Idempotent. */
  cancel(): void;
}

/** True for a body that is pulled. */
export function isPulled(body: NonNullable<Answer["body"]>): body is PulledBody {
  return "next" in body;
}
