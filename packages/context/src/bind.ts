import { bindEmitter } from "./bound-emitter.ts";
import { bindEventTarget } from "./bound-event-target.ts";
import { bindFunction } from "./bound-function.ts";
import { bindIterator } from "./bound-iterator.ts";
import { bindNodeStream } from "./bound-node-stream.ts";
import { bindReadable } from "./bound-readable.ts";
import { withBody } from "./bound-response.ts";
import { argumentError, describe } from "./errors.ts";
import {
  isEmitter,
  isEventTarget,
  isIterator,
  isNodeReadable,
  isNodeStream,
  isReadableStream,
  isResponse,
} from "./kind.ts";
import type { SessionRecord } from "./registry.ts";

/** Makes the target run in the session; throws `BIND_UNSUPPORTED` if there is no way to. */
export function bindTarget<T extends object>(session: SessionRecord, target: T): T {
  if (typeof target === "function") {
    return bindFunction(session, target, (result) => bindStream(session, result)) as T;
  }
  if (typeof target === "object" && target !== null) {
    const stream = bindStream(session, target);
    if (stream !== undefined) return stream as T;
    if (isResponse(target)) return target;
    if (isNodeStream(target)) bindNodeStream(session, target);
    else if (isEmitter(target)) bindEmitter(session, target);
    if (isEventTarget(target)) bindEventTarget(session, target);
    if (isEmitter(target) || isEventTarget(target)) return target;
  }
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
  if (isIterator(value)) return bindIterator(session, value);
  if (isReadableStream(value)) return value.locked ? undefined : bindReadable(session, value);
  if (isResponse(value)) {
    const { body } = value;
    return body === null || body.locked ? undefined : withBody(value, bindReadable(session, body));
  }
  if (!isNodeReadable(value)) return undefined;
  bindNodeStream(session, value);
  return value;
}
