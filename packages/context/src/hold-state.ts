import { SessionError, warn } from "./errors.ts";
import type { Body } from "./body.ts";
import { createScope, type Scope } from "./scope.ts";

const brokenOff = {
  STREAM_BROKEN_OFF: "broke it off",
  STREAM_ABANDONED: "let go of it unfinished",
} as const;

/** A stream that is a session's result: what its parts share, apart from it so that it can be collected. */
export class Hold {
  readonly session: Body;
  readonly scope: Scope;
  /** Set when the session was aborted from elsewhere: the consumer is told so instead of an end. */
  cancelled: { readonly reason: unknown } | undefined;
  #brokenOff: { readonly reason: unknown } | undefined;

  constructor(session: Body) {
    this.session = session;
    this.scope = createScope(session);
  }

  throwIfCancelled(): void {
    if (this.cancelled !== undefined) throw this.cancelled.reason;
  }

  /** The session was aborted: ends the source, in its scope, and then the session. */
  cancel(reason: unknown, end: () => unknown): void {
    if (this.#brokenOff !== undefined || this.session.phase !== 0) return;
    this.cancelled = { reason };
    this.scope
      .runInAsyncScope(async () => end(), undefined)
      // A generator that is running cannot be ended; one that fails on the way out is over all the same.
      .catch(() => undefined)
      .then(() => this.end())
      .catch(warn);
  }

  /** The consumer does not want the rest: aborts the session, so that what the source awaits wakes up. */
  breakOff(code: keyof typeof brokenOff, reason?: unknown): void {
    if (this.#brokenOff ?? this.cancelled ?? this.session.phase !== 0) return;
    const { id } = this.session;
    const why =
      reason ??
      new SessionError(
        code,
        `The consumer of what session ${JSON.stringify(id)} returned ${brokenOff[code]}.`,
        { details: { id } },
      );
    this.#brokenOff = { reason: why };
    this.session.abort(why);
  }

  /** The source is over: ends the session. In the scope, so that disposers see it, not the consumer's context. */
  end(): Promise<void> | undefined {
    const stopped = this.cancelled ?? this.#brokenOff;
    return this.scope.runInAsyncScope(
      () =>
        this.session.finish(
          stopped === undefined ? { status: "ok" } : { status: "aborted", reason: stopped.reason },
        ),
      undefined,
    );
  }

  /** The source has thrown: ends the session with it. */
  fail(error: unknown): Promise<void> | undefined {
    return this.scope.runInAsyncScope(() => this.session.fail(error), undefined);
  }
}
