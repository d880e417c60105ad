import { holdNodeStream } from "./bound-node-stream.ts";
import { holdReadable } from "./bound-readable.ts";
import { withBody } from "./bound-response.ts";
import { holdIterator } from "./held-iterator.ts";
import { isIterator, isNodeReadable, isReadableStream, isResponse } from "./kind.ts";
import { detach, type Body } from "./body.ts";
import { storage } from "./registry.ts";

/** Keeps the session open until the body's result is over, and binds it if it is a stream. */
export function holdResult<R extends object>(session: Body, result: R): R {
  if (result instanceof Promise) return holdPromise(session, result) as object as R;
  if ("then" in result && typeof result.then === "function") {
    // A lazy thenable (a query builder) does its work when then() is called: that must be in the session.
    const started = storage.run(session, () => Promise.resolve(result));
    return holdPromise(session, started) as object as R;
  }
  const held = holdStream(session, result);
  if (held !== undefined) return held;
  detach(session.finish());
  return result;
}

/** The result bound, with the session ending when it does; undefined if it is no stream of any kind. */
function holdStream<R extends object>(session: Body, result: R): R | undefined {
  if (isIterator(result)) return holdIterator(session, result) as R;
  if (isReadableStream(result)) {
    return result.locked ? undefined : (holdReadable(session, result) as object as R);
  }
  if (isResponse(result)) {
    const { body } = result;
    if (body === null || body.locked) return undefined;
    return withBody(result, holdReadable(session, body)) as object as R;
  }
  if (!isNodeReadable(result)) return undefined;
  holdNodeStream(session, result);
  return result;
}

function holdPromise(session: Body, promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    (value) => {
      if (typeof value === "object" && value !== null) {
        const held = holdStream(session, value);
        if (held !== undefined) return held;
      }
      const ending = session.finish();
      return ending === undefined ? value : ending.then(() => value);
    },
    (error: unknown) => {
      const ending = session.fail(error);
      if (ending === undefined) throw error;
      return ending.then(() => {
        throw error;
      });
    },
  );
}
