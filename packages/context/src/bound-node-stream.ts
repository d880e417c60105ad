import { finished } from "node:stream";
import { bindEmitter } from "./bound-emitter.ts";
import { detach, type Body } from "./body.ts";
import { warn } from "./errors.ts";
import { Hold } from "./hold-state.ts";
import type { NodeStream } from "./kind.ts";
import type { SessionRecord } from "./registry.ts";
import { createScope, type Scope } from "./scope.ts";

/** What a stream's author implements, and Node calls from wherever the stream is read or written. */
const implemented = ["_read", "_write", "_writev", "_transform", "_flush", "_final", "_destroy"];
const bound = Symbol.for("@lazy/context/node-stream");

/** Runs what the stream is made of in the session, and its listeners in the sessions that add them. */
export function bindNodeStream(
  session: SessionRecord,
  stream: NodeStream,
  scope: Scope = createScope(session),
): void {
  bindEmitter(session, stream);
  if (Object.hasOwn(stream, bound)) return;
  Object.defineProperty(stream, bound, { value: true });
  const methods = stream as object as Record<string, unknown>;
  for (const name of implemented) {
    const method = methods[name];
    if (typeof method !== "function") continue;
    Object.defineProperty(stream, name, {
      configurable: true,
      writable: true,
      value(this: unknown, ...args: unknown[]) {
        return scope.runInAsyncScope(method as (...args: unknown[]) => unknown, this, ...args);
      },
    });
  }
}

/** The same for a stream that is a session's result: the session ends with its `end`, error or `close`. */
export function holdNodeStream(session: Body, stream: NodeStream): void {
  const hold = new Hold(session);
  bindNodeStream(session, stream, hold.scope);
  session.whenAborted((reason) =>
    hold.cancel(reason, () => {
      stream.destroy(reason instanceof Error ? reason : new Error("Aborted", { cause: reason }));
    }),
  );
  finished(stream as object as NodeJS.ReadableStream, { writable: false }, (error) => {
    const failed = error !== null && error !== undefined;
    const broken = failed && error.code === "ERR_STREAM_PREMATURE_CLOSE";
    if (broken) hold.breakOff("STREAM_BROKEN_OFF");
    try {
      detach(failed && !broken ? hold.fail(error) : hold.end());
    } catch (failure) {
      // In an event's listener nobody could catch it.
      warn(failure);
    }
  });
}
