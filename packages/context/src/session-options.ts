import { argumentError, describe } from "./errors.ts";
import type { SessionOptions, SessionOutcome } from "./session.ts";

/** Marks a session of any copy of this package. */
export const sessionBrand: unique symbol = Symbol.for(
  "@lazy/context/session",
) as typeof sessionBrand;

const maxIdLength = 256;
// oxlint-disable-next-line no-control-regex -- they are what is refused
const control = /[\u0000-\u001f\u007f-\u009f]/;

/** True for what may be a session's id: 1 to 256 characters, no control character, no half of a pair. */
export function isSessionId(id: unknown): id is string {
  return (
    typeof id === "string" &&
    id.length > 0 &&
    id.length <= maxIdLength &&
    !control.test(id) &&
    !/\p{Surrogate}/u.test(id)
  );
}

function isSession(value: unknown): boolean {
  return typeof value === "object" && value !== null && sessionBrand in value;
}

export function checkOptions(options: SessionOptions): void {
  if (typeof options !== "object" || options === null) {
    throw argumentError(
      "OPTIONS_INVALID",
      `A session's options are an object, not ${describe(options)}.`,
    );
  }
  const { id, parent, signal } = options;
  if (id !== undefined && !isSessionId(id)) {
    throw argumentError(
      "ID_INVALID",
      `A session's id is a text of 1 to ${maxIdLength} characters without control characters, not ` +
        `${describe(id)}. Leave it out to get a random one.`,
    );
  }
  if (parent !== undefined && !isSession(parent)) {
    throw argumentError("OPTIONS_INVALID", `parent must be a session, not ${describe(parent)}.`);
  }
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw argumentError(
      "OPTIONS_INVALID",
      `signal must be an AbortSignal, not ${describe(signal)}.`,
    );
  }
}

export function checkBody(fn: unknown): void {
  if (typeof fn === "function") return;
  throw argumentError("OPTIONS_INVALID", `A session runs a function, not ${describe(fn)}.`);
}

export function checkOutcome(outcome: SessionOutcome): void {
  const status: unknown = (outcome as SessionOutcome | null)?.status;
  if (status === "ok" || status === "error" || status === "aborted") return;
  throw argumentError(
    "OPTIONS_INVALID",
    `An outcome has the status "ok", "error" or "aborted", not ${describe(status)}.`,
  );
}
