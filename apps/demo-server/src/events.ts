import { once, setMaxListeners } from "node:events";
import type { ServerResponse } from "node:http";

/** One server-sent event. `data` is sent as JSON, which has no line break. */
export interface ServerEvent {
  readonly event?: string;
  readonly id?: string;
  readonly data: unknown;
}

/** An open event stream to one client. */
export interface EventWriter {
  /** Aborts when the client has gone. */
  readonly signal: AbortSignal;
  /** Resolves when the client's socket takes more; rejects with the signal's reason once it has gone. */
  send(event: ServerEvent): Promise<void>;
  /** Send what is still held back, and the end. */
  end(): void;
}

const heartbeatMs = 15_000;

/** Aborts when the client of this response has gone; it may have any number of listeners. */
export function goneSignal(response: ServerResponse): AbortSignal {
  const gone = new AbortController();
  // One connection may follow hundreds of answers, and each listens.
  setMaxListeners(0, gone.signal);
  const abort = (): void => gone.abort(new Error("the client has gone"));
  if (response.closed) abort();
  else response.once("close", abort);
  return gone.signal;
}

/**
 * Answer with an event stream (WHATWG HTML, server-sent events) that lasts until `end` or the client goes.
 * The events of one turn of the event loop go out together: with 1,000 answers on one connection that is a
 * write for hundreds of them.
 */
export function openEvents(
  response: ServerResponse,
  options: {
    readonly headers?: Readonly<Record<string, string>>;
    readonly signal?: AbortSignal;
    /** How long an `EventSource` waits before it connects again. Not told unless given. */
    readonly retryMs?: number;
  } = {},
): EventWriter {
  const { headers = {}, signal = goneSignal(response), retryMs } = options;
  response.writeHead(200, {
    "content-type": "text/event-stream",
    "cache-control": "no-store",
    // nginx would hold events back until its buffer is full.
    "x-accel-buffering": "no",
    ...headers,
  });
  if (retryMs === undefined) response.flushHeaders();
  else response.write(`retry: ${retryMs}\n\n`);
  // A comment now and then keeps proxies from closing a silent connection.
  const heartbeat = setInterval(() => response.write(":\n\n"), heartbeatMs);
  response.once("close", () => clearInterval(heartbeat));

  // Answers that come in another turn wait for the same drain on their own.
  response.setMaxListeners(0);
  let held = "";
  /** Resolves when what is held was written, and there is room again. */
  let flushed: Promise<void> | undefined;
  const flush = async (): Promise<void> => {
    await new Promise((resolve) => setImmediate(resolve));
    const text = held;
    held = "";
    flushed = undefined;
    signal.throwIfAborted();
    if (text !== "" && !response.writableEnded && !response.write(text))
      await once(response, "drain", { signal });
  };
  return {
    signal,
    send(event) {
      if (signal.aborted) return Promise.reject(signal.reason as Error);
      held += frame(event);
      return (flushed ??= flush());
    },
    end() {
      response.end(held);
      held = "";
    },
  };
}

/** The mark at the end of a stream for clients of OpenAI's and the AI SDK's protocols. */
export const done: ServerEvent = { data: "[DONE]" };

function frame(event: ServerEvent): string {
  const { event: name, id, data } = event;
  const text = event === done ? "[DONE]" : JSON.stringify(data);
  return `${name ? `event: ${name}\n` : ""}${id ? `id: ${id}\n` : ""}data: ${text}\n\n`;
}
