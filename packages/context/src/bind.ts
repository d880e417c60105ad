import { bindGenerator } from "./bound-iterator.ts";
import { bindFunction } from "./bound-function.ts";
import { argumentError, describe } from "./errors.ts";
import { isIterator } from "./kind.ts";
import type { SessionRecord } from "./registry.ts";

/** Makes the target run in the session; throws `BIND_UNSUPPORTED` if there is no way to. */
export function bindTarget<T extends object>(session: SessionRecord, target: T): T {
  if (typeof target === "function") {
    return bindFunction(session, target, (result) => bindStream(session, result)) as T;
  }
  const bound =
    typeof target === "object" && target !== null ? bindStream(session, target) : undefined;
  if (bound !== undefined) return bound as T;
  throw argumentError(
    "BIND_UNSUPPORTED",
    `session.bind takes a function, generator or iterator, ReadableStream, Response, Node stream, EventEmitter ` +
      `or EventTarget, not ${describe(target)}. Bind the function that makes it, or the iterator it gives.`,
  );
}

/** A function's result bound if it is a stream of some kind, else as it is. */
export function bindResult<R>(session: SessionRecord, result: R): R {
  if (typeof result !== "object" || result === null) return result;
  return (bindStream(session, result) ?? result) as R;
}

function bindStream(session: SessionRecord, value: object): object | undefined {
  if (isIterator(value)) return bindGenerator(session, value);
  return undefined;
}
