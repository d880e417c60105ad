import { warn } from "./errors.ts";
import type { SessionRecord } from "./registry.ts";
import type { SessionOutcome } from "./session.ts";

/** A session from the inside of what runs and ends it. */
export interface Body extends SessionRecord {
  /** The body is over. Undefined: nothing to wait for; a promise: the disposers. Both fail with `DISPOSER_FAILED`. */
  finish(outcome?: SessionOutcome): Promise<void> | undefined;
  /** The same for a body that threw: an error, or aborted if the session was. */
  fail(error: unknown): Promise<void> | undefined;
  /** At most one listener: the stream or iterator that is the session's result. */
  whenAborted(listener: (reason: unknown) => void): void;
}

/** For a synchronous body: nobody can wait for its asynchronous disposers, so their failure is a warning. */
export function detach(ending: Promise<void> | undefined): void {
  ending?.catch(warn);
}
