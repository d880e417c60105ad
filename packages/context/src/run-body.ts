import { detach, type Body } from "./body.ts";
import { holdResult } from "./hold.ts";
import { storage } from "./registry.ts";

/** Calls the function in its session and ends the session with what it returns. */
export function runBody<S extends Body, R>(session: S, fn: (session: S) => R): R {
  let result: R;
  try {
    result = storage.run(session, fn, session);
  } catch (error) {
    detach(session.fail(error));
    throw error;
  }
  if (typeof result === "object" && result !== null) return holdResult(session, result);
  detach(session.finish());
  return result;
}
