import { fileURLToPath } from "node:url";
import { closedChannel, openedChannel } from "./channels.ts";
import { argumentError, describe } from "./errors.ts";
import type { Session } from "./session.ts";

/** A session that is still open, and where it was opened. */
export interface OpenSession {
  readonly session: Session;
  readonly ageMs: number;
  /** The stack of its opening, innermost first, without this package's own frames. */
  readonly stack: string;
}

export interface SessionWatch {
  /** Sessions opened since the watch began that are alive for at least this long, oldest first. Default: all. */
  report(options?: { readonly olderThanMs?: number }): OpenSession[];
  /** The same as a text for a log; empty if there are none. */
  format(options?: { readonly olderThanMs?: number }): string;
  stop(): void;
  [Symbol.dispose](): void;
}

/**
 * Watches for sessions that do not end. From now on each opening takes a stack (some 10 µs) and each open
 * session is held, which is why this is not always on.
 */
export function watchSessions(): SessionWatch {
  const open = new Map<Session, { at: number; trace: { stack?: string } }>();
  const opened = (message: unknown): void => {
    const trace: { stack?: string } = {};
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 30;
    Error.captureStackTrace(trace, opened);
    Error.stackTraceLimit = stackTraceLimit;
    open.set((message as { session: Session }).session, { at: performance.now(), trace });
  };
  const closed = (message: unknown): void => {
    open.delete((message as { session: Session }).session);
  };
  openedChannel.subscribe(opened);
  closedChannel.subscribe(closed);
  const watch: SessionWatch = {
    report({ olderThanMs = 0 } = {}) {
      if (typeof olderThanMs !== "number" || !(olderThanMs >= 0)) {
        throw argumentError(
          "OPTIONS_INVALID",
          `olderThanMs must be a number from 0, not ${describe(olderThanMs)}.`,
        );
      }
      const now = performance.now();
      return [...open]
        .map(([session, { at, trace }]) => ({ session, ageMs: now - at, stack: framesOf(trace) }))
        .filter(({ ageMs }) => ageMs >= olderThanMs);
    },
    format(options) {
      return watch
        .report(options)
        .map(
          ({ session, ageMs, stack }) =>
            `Session ${JSON.stringify(session.id)} is open for ${(ageMs / 1000).toFixed(1)} s, opened\n${stack}`,
        )
        .join("\n");
    },
    stop() {
      openedChannel.unsubscribe(opened);
      closedChannel.unsubscribe(closed);
      open.clear();
    },
    [Symbol.dispose]() {
      watch.stop();
    },
  };
  return watch;
}

const here = fileURLToPath(new URL(".", import.meta.url));

function framesOf({ stack = "" }: { stack?: string }): string {
  return stack
    .split("\n")
    .slice(1)
    .filter((line) => !line.includes(here) && !line.includes("node:diagnostics_channel"))
    .join("\n");
}
