/** Every code a queue or a store rejects with. The README has a line for each. */
export type QueueErrorCode =
  | "CORRUPT"
  | "CURSOR_CONFLICT"
  | "DECODE_FAILED"
  | "FOLDER_IN_USE"
  | "FOLDER_UNSUITABLE"
  | "MESSAGE_INVALID"
  | "MESSAGE_TOO_LARGE"
  | "NAME_INVALID"
  | "OFFSET_CONFLICT"
  | "OFFSET_INVALID"
  | "OFFSET_TRIMMED"
  | "ORDER_CONFLICT"
  | "OUTCOME_UNKNOWN"
  | "PRODUCER_EPOCH_START"
  | "PRODUCER_FENCED"
  | "PRODUCER_GAP"
  | "QUEUE_EXISTS"
  | "QUEUE_FULL"
  | "QUEUE_NOT_FOUND"
  | "QUEUE_REMOVED"
  | "QUEUE_SEALED"
  | "SESSION_MISSING"
  | "STORE_CLOSED"
  | "STORE_FAILED"
  | "STORE_FULL"
  | "STORE_READONLY"
  | "TAIL_ENDED"
  | "UNSUPPORTED"
  | "WRITER_LOST";

const brand = Symbol.for("@lazy/fsqueue/error");

/**
 * What every queue and store rejects with. Tell the cases apart by `code`; recognise it with
 * {@link isQueueError}, which also works across two copies of the package.
 */
export class QueueError extends Error {
  override readonly name: string = "QueueError";
  readonly code: QueueErrorCode;
  /** The values behind the message: the queue's name, offsets, epochs, limits. */
  readonly details: Readonly<Record<string, unknown>>;

  constructor(
    code: QueueErrorCode,
    message: string,
    options: { cause?: unknown; details?: Readonly<Record<string, unknown>> } = {},
  ) {
    super(message, "cause" in options ? { cause: options.cause } : undefined);
    this.code = code;
    this.details = options.details ?? {};
    Object.defineProperty(this, brand, { value: true });
  }
}

/** True for a {@link QueueError} of any copy of this package; with a code, only for that code. */
export function isQueueError(error: unknown, code?: QueueErrorCode): error is QueueError {
  if (!(error instanceof Error && brand in error)) return false;
  return code === undefined || ("code" in error && error.code === code);
}
