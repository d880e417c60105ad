import { isQueueError, type QueueErrorCode } from "@lazy/fsqueue";
import type { Answer } from "./answer.ts";
import { Fault, notFound } from "./fault.ts";

/** What the errors of a store answer. Those that are missing here are the server's own fault: 500. */
const statusOf: Partial<Record<QueueErrorCode, number>> = {
  MESSAGE_TOO_LARGE: 413,
  NAME_INVALID: 400,
  OFFSET_INVALID: 400,
  OFFSET_TRIMMED: 410,
  ORDER_CONFLICT: 409,
  PRODUCER_EPOCH_START: 400,
  PRODUCER_FENCED: 403,
  PRODUCER_GAP: 409,
  QUEUE_FULL: 429,
  QUEUE_REMOVED: 410,
  QUEUE_SEALED: 409,
  STORE_CLOSED: 503,
  STORE_FULL: 507,
  STORE_READONLY: 405,
  UNSUPPORTED: 501,
};

/** The fault that answers an error, or undefined for one nobody foresaw. */
export function faultOf(error: unknown): Fault | undefined {
  if (error instanceof Fault) return error;
  if (!isQueueError(error)) return undefined;
  if (error.code === "QUEUE_NOT_FOUND") return notFound();
  const status = statusOf[error.code];
  if (status === undefined) return undefined;
  const retry = status === 429 || status === 503 || status === 507 ? { "retry-after": "5" } : {};
  return new Fault(status, error.code, error.message, retry);
}

/** `{"error":{"code","message"}}`, or a 500 that tells nothing of the inside. */
export function failureAnswer(error: unknown): Answer {
  const fault = faultOf(error);
  const code = fault?.code ?? "INTERNAL";
  const message = fault?.message ?? "The server failed. The request may have taken effect.";
  return {
    status: fault?.status ?? 500,
    headers: {
      "cache-control": "no-store",
      ...fault?.headers,
      "content-type": "application/json",
    },
    body: Buffer.from(JSON.stringify({ error: { code, message } })),
  };
}
