import { AsyncLocalStorage } from "node:async_hooks";
import { ActiveSession } from "./active-session.ts";
import { inject, type HeaderSource, type HeaderTarget } from "./carrier.ts";
import { argumentError, describe, sessionDisposed, sessionMissing } from "./errors.ts";
import { openReceived } from "./received-session.ts";
import { registry, storage } from "./registry.ts";
import { runBody } from "./run-body.ts";
import { checkBody } from "./session-options.ts";
import type { Session, SessionOptions } from "./session.ts";
import { watchSessions, type SessionWatch } from "./watch.ts";

/** Counts of this process, over all copies of the package. */
export interface SessionStats {
  /** Sessions that have not been disposed. */
  readonly live: number;
  readonly opened: number;
  readonly closed: number;
  /** Headers and keys that `extract` refused. */
  readonly refused: number;
}

/** The entry to sessions: opening them, reaching the current one, and leaving it. */
export interface SessionApi {
  /**
   * Calls `fn` in a new session and returns what it returns. The session ends with it: at once for a plain
   * value, when a promise has settled, when an iterator, ReadableStream, Response body or Node stream has been
   * drained, broken off, or has failed. These are returned bound to the session; promises may be others than
   * the function's own. The disposers have run before the end is reported to the consumer, unless something
   * given to `waitUntil` or a fork is outstanding.
   *
   * Inside another session the new one is independent of it (see `fork`).
   */
  run<R>(fn: (session: Session) => R): R;
  run<R>(options: SessionOptions, fn: (session: Session) => R): R;
  /** Opens a session without entering it. The caller ends it: `await using`, or `close()`. */
  open(options?: SessionOptions): Session;
  /** The current session. Throws `SESSION_MISSING` outside one, `SESSION_DISPOSED` when it has ended. */
  current(): Session;
  /** The current session; undefined outside one or when it has ended. */
  tryCurrent(): Session | undefined;
  /** `current().fork`: a child session with what the globals' fork policies say. */
  fork<R>(fn: (session: Session) => R): R;
  fork<R>(options: Omit<SessionOptions, "parent">, fn: (session: Session) => R): R;
  /** `current().bind`: makes a function, stream, emitter or event target run in the current session. */
  bind<T extends object>(target: T): T;
  /** Captures the whole context, other AsyncLocalStorages included; call the result with a function to run in it. */
  snapshot(): <A extends unknown[], R>(fn: (...args: A) => R, ...args: A) => R;
  /** Calls `fn` outside any session. */
  exit<R>(fn: () => R): R;
  /**
   * Writes the current session into headers (a `Headers`, a map or a plain object), to be sent to another
   * process: its id and the globals whose policy says `propagate`, as base64url JSON in `lazy-session`, and
   * the `traceparent`, `tracestate` and `baggage` it received, unless the headers have their own. Returns the
   * headers. Throws `BUDGET_EXCEEDED` above 4 KiB, `PROPAGATE_INVALID` for a value that JSON would change.
   */
  inject(): Record<string, string>;
  inject<H extends HeaderTarget>(headers: H): H;
  /**
   * Calls `fn` in a session opened with what `inject` wrote, and ends it as `run` does. Only keys whose policy
   * says `propagate` are set. Whatever is malformed, too large or unknown is refused: the session then has an
   * id of its own or lacks that key, `stats.refused` counts it and `lazy:session:refused` says why.
   *
   * Do this with headers of a peer that you trust; a client could choose its own id and globals.
   */
  extract<R>(headers: HeaderSource, fn: (session: Session) => R): R;
  extract<R>(headers: HeaderSource, options: SessionOptions, fn: (session: Session) => R): R;
  /**
   * Watches for sessions that do not end: from now on each opening costs a stack (some 10 µs). Stop it when
   * you have seen enough.
   */
  watch(): SessionWatch;
  readonly stats: SessionStats;
}

export const session: SessionApi = Object.freeze({
  run,
  open: (options?: SessionOptions) => new ActiveSession(options),
  current,
  tryCurrent() {
    const active = storage.getStore() as ActiveSession | undefined;
    return active?.phase === 2 ? undefined : active;
  },
  fork<R>(first: object, second?: (session: Session) => R): R {
    return (current().fork as (first: object, second: unknown) => R)(first, second);
  },
  bind: <T extends object>(target: T) => current().bind(target),
  snapshot: () => AsyncLocalStorage.snapshot(),
  // Not `exit` of the storage: on Node 20 a session run inside it stays current afterwards.
  exit: <R>(fn: () => R) => storage.run(undefined, fn),
  inject: injectCurrent as SessionApi["inject"],
  extract,
  watch: watchSessions,
  get stats() {
    const { opened, closed, refused } = registry;
    return { live: opened - closed, opened, closed, refused };
  },
});

function run<R>(fn: (session: Session) => R): R;
function run<R>(options: SessionOptions, fn: (session: Session) => R): R;
function run<R>(first: object, second?: (session: Session) => R): R {
  if (typeof first === "function") {
    return runBody(new ActiveSession(), first as (session: Session) => R);
  }
  checkBody(second);
  return runBody(new ActiveSession(first), second as (session: Session) => R);
}

function extract<R>(headers: HeaderSource, fn: (session: Session) => R): R;
function extract<R>(headers: HeaderSource, options: SessionOptions, fn: (session: Session) => R): R;
function extract<R>(headers: HeaderSource, second: object, third?: (session: Session) => R): R {
  const fn = third ?? (second as (session: Session) => R);
  checkBody(fn);
  return runBody(openReceived(headers, third === undefined ? {} : second, true), fn);
}

function injectCurrent(headers: HeaderTarget = {}): HeaderTarget {
  if (typeof headers !== "object" || headers === null) {
    throw argumentError(
      "CARRIER_INVALID",
      `inject writes into a Headers, a map or an object, not ${describe(headers)}.`,
    );
  }
  inject(current() as ActiveSession, headers);
  return headers;
}

function current(): Session {
  const active = storage.getStore();
  if (active === undefined) throw sessionMissing();
  if (active.phase === 2) throw sessionDisposed(active.id);
  return active as ActiveSession;
}
