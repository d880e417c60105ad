import { captureContext, type Scope, session } from "@lazy/context";

/** The async context of the moment it was made, to be entered from anywhere. */
export type Binding = Scope;

/** Remember the present async context: the session and every other AsyncLocalStorage. */
export function capture(): Binding {
  return captureContext();
}

/** The signal of the session this runs in, if there is one. */
export function sessionSignal(): AbortSignal | undefined {
  return session.tryCurrent()?.signal;
}
