import { watchAbandonment } from "./abandonment.ts";
import { detach, type Body } from "./body.ts";
import { argumentError } from "./errors.ts";
import { Hold } from "./hold-state.ts";
import type { SessionRecord } from "./registry.ts";
import { createScope, type Scope } from "./scope.ts";

type Reader = ReadableStreamDefaultReader<unknown>;
type Controller = ReadableStreamDefaultController<unknown> | ReadableByteStreamController;

/** A stream whose source is pulled and cancelled in the session. It holds no chunk of its own. */
export function bindReadable(session: SessionRecord, stream: ReadableStream): ReadableStream {
  const scope = createScope(session);
  const reader = readerOf(stream, scope);
  const bound = wrap(stream, scope, {
    pull: (controller) => pull(reader, controller),
    cancel: (reason) => reader.cancel(reason),
  });
  watchAbandonment(bound, { scope, end: whenAbandoned(reader) });
  return bound;
}

/** The same for a stream that is a session's result: the session ends when it does. */
export function holdReadable(session: Body, stream: ReadableStream): ReadableStream {
  const hold = new Hold(session);
  const { scope } = hold;
  const reader = readerOf(stream, scope);
  const held = wrap(stream, scope, {
    start(controller) {
      // Weak: the session leads here, and must not keep a stream that nobody reads from being collected.
      const weak = new WeakRef(controller);
      session.whenAborted((reason) => {
        hold.cancel(reason, () => reader.cancel(reason));
        weak.deref()?.error(reason);
      });
    },
    async pull(controller) {
      try {
        await pull(reader, controller, () => hold.end());
      } catch (error) {
        await hold.fail(error);
        throw error;
      }
    },
    async cancel(reason) {
      hold.breakOff("STREAM_BROKEN_OFF", reason);
      try {
        await reader.cancel(reason);
      } finally {
        await hold.end();
      }
    },
  });
  watchAbandonment(held, {
    scope,
    end: whenAbandoned(reader),
    after: () => {
      hold.breakOff("STREAM_ABANDONED");
      detach(hold.end());
    },
  });
  return held;
}

interface Source {
  readonly start?: (controller: Controller) => void;
  readonly pull: (controller: Controller) => Promise<void>;
  readonly cancel: (reason: unknown) => Promise<void>;
}

function wrap(stream: ReadableStream, scope: Scope, source: Source): ReadableStream {
  const underlying = {
    start: (controller: Controller) => source.start?.(controller),
    pull: (controller: Controller) => scope.runInAsyncScope(source.pull, undefined, controller),
    cancel: (reason: unknown) => scope.runInAsyncScope(source.cancel, undefined, reason),
  };
  return isByteStream.get(stream) === true
    ? new ReadableStream({ ...underlying, type: "bytes" }, { highWaterMark: 0 })
    : new ReadableStream<unknown>(underlying, { highWaterMark: 0 });
}

/** Found out while the stream can still be locked, which asking for a reader of one kind tells. */
const isByteStream = new WeakMap<ReadableStream, boolean>();

function readerOf(stream: ReadableStream, scope: Scope): Reader {
  if (stream.locked) {
    throw argumentError("BIND_UNSUPPORTED", "A ReadableStream that is being read cannot be bound.");
  }
  return scope.runInAsyncScope(() => {
    isByteStream.set(stream, isBytes(stream));
    return stream.getReader() as Reader;
  }, undefined);
}

function isBytes(stream: ReadableStream): boolean {
  try {
    stream.getReader({ mode: "byob" }).releaseLock();
    return true;
  } catch {
    return false;
  }
}

/** Cancels what is abandoned. What is over is let be: a stream that has failed would fail again. */
function whenAbandoned(reader: Reader): () => unknown {
  let over = false;
  const ended = (): void => void (over = true);
  reader.closed.then(ended, ended);
  return () => (over ? undefined : reader.cancel());
}

/** Hands one chunk on; at the end closes, after `ended` has. */
async function pull(
  reader: Reader,
  controller: Controller,
  ended?: () => Promise<void> | undefined,
): Promise<void> {
  const { done, value } = await reader.read();
  if (!done) {
    (controller as ReadableStreamDefaultController<unknown>).enqueue(value);
    return;
  }
  await ended?.();
  controller.close();
  // A reader that waits with a buffer of its own is only answered when that is given back.
  if ("byobRequest" in controller) controller.byobRequest?.respond(0);
}
