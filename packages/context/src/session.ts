/** How a session ended. */
export type SessionOutcome =
  | { readonly status: "ok" }
  | { readonly status: "error"; readonly error: unknown }
  | { readonly status: "aborted"; readonly reason: unknown };

/**
 * Called once when a session ends, inside it, with how it ended. Its globals can still be read and written.
 * A promise it returns is awaited before the next one is called.
 */
export type SessionDisposer = (outcome: SessionOutcome) => void | Promise<void>;

export interface SessionOptions {
  /**
   * The session's id: 1 to 256 characters without control characters. Two sessions with one id are two
   * sessions. Default: 21 random characters, made when first read.
   */
  readonly id?: string | undefined;
  /** Open the session as a fork of this one; see {@link Session.fork}. Default: none, even inside a session. */
  readonly parent?: Session | undefined;
  /**
   * When it aborts, `session.signal` aborts with the same reason, and a stream or iterator that the session
   * returned is cancelled. Already aborted: opening throws its reason.
   */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Things that a framework attaches to a session, by key: the request it serves, a tenant, a logger. Declare
 * yours by augmentation, and read and write them at {@link Session.framework}:
 *
 * ```ts
 * declare global {
 *   namespace Lazy {
 *     interface FrameworkKeys { tenant: string }
 *   }
 * }
 * ```
 */
declare global {
  namespace Lazy {
    interface FrameworkKeys {}
  }
}

/**
 * The identity and lifetime of one request, run or job, and the owner of its globals.
 *
 * It ends when its body is over (see `session.run`) or it is closed, nothing given to `waitUntil` is
 * outstanding and its forks have ended. Then its disposers run inside it, its `join` policies are applied, its
 * data is dropped, and `done` resolves. Afterwards a callback, timer or socket that still carries the session
 * holds an empty shell, and using it throws `SESSION_DISPOSED`.
 */
export interface Session {
  readonly id: string;
  /** The session this one was forked from. */
  readonly parent: Session | undefined;
  /** True once the disposers have run and the data is gone. */
  readonly disposed: boolean;
  /**
   * Aborts when the session is: by its caller's signal, its parent, a consumer that broke off the stream it
   * returned, or `close({ status: "aborted" })`. Made when first read. It does not abort on a normal end;
   * read after the end it is an aborted signal.
   */
  readonly signal: AbortSignal;
  /** Resolves with how the session ended, after the disposers. Never rejects. */
  readonly done: Promise<SessionOutcome>;
  /** What frameworks attached to this session; dropped with its data. A fork starts with its parent's. */
  // oxlint-disable-next-line no-generated-empty-object-type -- filled in by augmentation
  readonly framework: Partial<Lazy.FrameworkKeys>;

  /**
   * Calls `fn` inside this session and returns what it returns: an iterator, stream or Response bound to the
   * session, anything else as it is. It does not end the session nor keep it open.
   */
  run<R>(fn: (session: Session) => R): R;
  /**
   * Runs `fn` in a new session whose parent this is, with what the globals' fork policies say, and ends it as
   * `session.run` does. This session does not end before its forks; aborting it aborts them.
   */
  fork<R>(fn: (session: Session) => R): R;
  fork<R>(options: Omit<SessionOptions, "parent">, fn: (session: Session) => R): R;
  /** Makes a function, iterator, stream, Response, emitter or event target run in this session. */
  bind<T extends object>(target: T): T;
  /**
   * Registers what to do when the session ends; the last registered is called first. One that throws does not
   * keep the others from running. Returns a function that takes the registration back.
   */
  onDispose(disposer: SessionDisposer): () => void;
  /**
   * Keeps the session open until the promise settles, without holding up what `session.run` returns. A
   * rejection makes the outcome an error (if it was ok) and is warned about.
   */
  waitUntil(promise: PromiseLike<unknown>): void;
  /**
   * Ends the session now, whatever is still running in it, as soon as nothing given to `waitUntil` is
   * outstanding and its forks have ended. The first outcome counts. Rejects with `DISPOSER_FAILED` if a
   * disposer failed and the outcome was ok.
   */
  close(outcome?: SessionOutcome): Promise<SessionOutcome>;
  /** `close()` with the status ok. */
  [Symbol.asyncDispose](): Promise<void>;
}
