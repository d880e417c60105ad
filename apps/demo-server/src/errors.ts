/** What the server refuses or fails with. `code` is stable and in the README. */
export class DemoError extends Error {
  override readonly name = "DemoError";
  readonly code: string;
  /** The status of the HTTP answer. */
  readonly statusCode: number;

  constructor(code: string, statusCode: number, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
    this.statusCode = statusCode;
  }
}

/** How an answer, or the reading of one, ended that did not end well. */
export interface Failure {
  readonly code: string;
  readonly message: string;
}

/** The code and text for clients: those the answer ended with, where it was the answer that failed. */
export function failureOf(error: unknown): Failure {
  const { code, message, details } = error as Error & {
    code?: string;
    details?: { ending?: { code?: string; message?: string } };
  };
  const ending = details?.ending;
  return {
    code: ending?.code ?? code ?? "INTERNAL",
    message: ending?.message ?? message,
  };
}

/** The status of an answer that has nothing to show but how it failed. */
export function statusOfFailure(code: string): number {
  return statuses[code] ?? 500;
}

const statuses: Readonly<Record<string, number>> = {
  ANSWER_STOPPED: 409,
  MODEL_BROKE_OFF: 502,
  MODEL_FAILED: 502,
  MODEL_KEY_REFUSED: 502,
  MODEL_RATE_LIMITED: 429,
  MODEL_REFUSED: 400,
  MODEL_TIMED_OUT: 504,
  MODEL_UNREACHABLE: 502,
  OFFSET_INVALID: 400,
  OFFSET_TRIMMED: 410,
  WRITER_LOST: 502,
};
