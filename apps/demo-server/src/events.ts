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
  end(): void;
}

const heartbeatMs = 15_000;

/** Answer with an event stream (WHATWG HTML, server-sent events) that lasts until `end` or the client goes. */
export function openEvents(
  response: ServerResponse,
  headers: Record<string, string> = {},
): EventWriter {
  const gone = new AbortController();
  // One connection may follow hundreds of answers, and each listens.
  setMaxListeners(0, gone.signal);
  response.writeHead(200, {
    "content-type": "text/event-stream",
    "cache-control": "no-store",
    // nginx would hold events back until its buffer is full.
    "x-accel-buffering": "no",
    ...headers,
  });
  response.write("retry: 500\n\n");
  // A comment now and then keeps proxies from closing a silent connection.
  const heartbeat = setInterval(() => response.write(":\n\n"), heartbeatMs);
  response.once("close", () => {
    clearInterval(heartbeat);
    gone.abort(new Error("the client has gone"));
  });
  return {
    signal: gone.signal,
    async send(event) {
      gone.signal.throwIfAborted();
      if (!response.write(frame(event))) await once(response, "drain", { signal: gone.signal });
    },
    end: () => response.end(),
  };
}

function frame({ event, id, data }: ServerEvent): string {
  return `${event ? `event: ${event}\n` : ""}${id ? `id: ${id}\n` : ""}data: ${JSON.stringify(data)}\n\n`;
}
