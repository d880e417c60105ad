/** Every code this package throws, rejects or warns with. The README has a line for each. */
export type SessionErrorCode =
  | "BIND_UNSUPPORTED"
  | "BUDGET_EXCEEDED"
  | "CARRIER_INVALID"
  | "COPY_CONFLICT"
  | "DISPOSER_FAILED"
  | "GLOBALS_INVALID"
  | "GLOBALS_NAME_TAKEN"
  | "ID_INVALID"
  | "OPTIONS_INVALID"
  | "POLICY_INVALID"
  | "PROPAGATE_INVALID"
  | "READONLY"
  | "REDUCER_ASYNC"
  | "REQUEST_ABORTED"
  | "SESSION_DISPOSED"
  | "SESSION_MISSING"
  | "STREAM_ABANDONED"
  | "STREAM_BROKEN_OFF"
  | "WAIT_UNTIL_FAILED";

const brand = Symbol.for("@lazy/context/error");

/**
 * What goes wrong with a session at run time. Tell the cases apart by `code`; recognise it with
 * {@link isSessionError}, which also works across two copies of the package. A programmer's mistake (an
 * argument of the wrong kind) is a `TypeError` with a `code` of the same list instead.
 */
export class SessionError extends Error {
  override readonly name: string = "SessionError";
  readonly code: SessionErrorCode;
  /** The values behind the message: the session's id, a key, sizes, limits. */
  readonly details: Readonly<Record<string, unknown>>;

  constructor(
    code: SessionErrorCode,
    message: string,
    options: { cause?: unknown; details?: Readonly<Record<string, unknown>> } = {},
  ) {
    super(message, "cause" in options ? { cause: options.cause } : undefined);
    this.code = code;
    this.details = options.details ?? {};
    Object.defineProperty(this, brand, { value: true });
  }
}

/** True for a {@link SessionError} of any copy of this package; with a code, only for that code. */
export function isSessionError(error: unknown, code?: SessionErrorCode): error is SessionError {
  if (!(error instanceof Error && brand in error)) return false;
  return code === undefined || ("code" in error && error.code === code);
}

/** A `TypeError` that carries a stable code, for an argument of the wrong kind. */
export function argumentError(
  code: SessionErrorCode,
  message: string,
): TypeError & { code: SessionErrorCode } {
  return Object.assign(new TypeError(message), { code });
}

/** Words for a value in a message: its kind, and what it holds if that is short. */
export function describe(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value === "string") return JSON.stringify(value.slice(0, 40));
  if (typeof value === "function") return `a function${value.name ? ` (${value.name})` : ""}`;
  if (typeof value !== "object") return typeof value;
  const name: unknown = (value.constructor as { name?: unknown } | undefined)?.name;
  return typeof name === "string" && name !== "" ? `an object (${name})` : "an object";
}

export function sessionMissing(): SessionError {
  return new SessionError(
    "SESSION_MISSING",
    "There is no current session here. Run this code inside session.run(fn), or inside s.run(fn) of a session " +
      "from session.open(); if it is a callback that some library calls later, give it to that library through " +
      "session.bind(callback). Use session.tryCurrent() where being outside a session is fine.",
  );
}

export function sessionDisposed(id: string): SessionError {
  return new SessionError(
    "SESSION_DISPOSED",
    `Session ${JSON.stringify(id)} has ended and its data is gone, but code started in it is still running. ` +
      "Await that code before the session ends, or hand its promise to waitUntil().",
    { details: { id } },
  );
}

/** Reports an error that nobody awaits. */
export function warn(error: unknown): void {
  process.emitWarning(
    error instanceof Error ? error : new Error(describe(error), { cause: error }),
  );
}
