import type { AnswerHeaders } from "./answer.ts";

/**
 * The codes an answer's body carries, besides those of `@lazy/fsqueue`: `{"error":{"code","message"}}`.
 * The README has a line for each.
 */
export type HttpErrorCode =
  | "BODY_EMPTY"
  | "BODY_TOO_LARGE"
  | "CLIENT_GONE"
  | "CONFIGURATION_DIFFERS"
  | "CONTENT_TYPE_DIFFERS"
  | "CONTENT_TYPE_INVALID"
  | "CONTENT_TYPE_MISSING"
  | "CREATE_FORBIDDEN"
  | "DRAINING"
  | "FORK_INVALID"
  | "HOST_INVALID"
  | "INTERNAL"
  | "JSON_INVALID"
  | "LIFETIME_INVALID"
  | "METHOD_NOT_ALLOWED"
  | "ORDER_INVALID"
  | "ORIGIN_REFUSED"
  | "PRODUCER_INVALID"
  | "QUERY_INVALID"
  | "TOO_MANY_QUEUES"
  | "TOO_MANY_READERS"
  | "UNAUTHENTICATED";

/** An answer other than success, thrown from wherever the fault is found. */
export class Fault extends Error {
  override readonly name = "Fault";
  readonly status: number;
  readonly code: string;
  readonly headers: AnswerHeaders;

  constructor(status: number, code: string, message: string, headers: AnswerHeaders = {}) {
    super(message);
    this.status = status;
    this.code = code;
    this.headers = headers;
  }
}

/** A fault of this package's own. */
export function fault(
  status: number,
  code: HttpErrorCode,
  message: string,
  headers?: AnswerHeaders,
): Fault {
  return new Fault(status, code, message, headers);
}

/**
 * The one answer for a queue that is not there and for one that the caller may not touch. It names no
 * queue, so that the two cannot be told apart.
 */
export function notFound(): Fault {
  return new Fault(404, "QUEUE_NOT_FOUND", "There is no such queue, or you may not use it.");
}
