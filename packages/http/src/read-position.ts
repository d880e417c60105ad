import type { Position } from "@lazy/fsqueue";
import type { Exchange } from "./exchange.ts";
import { fault } from "./fault.ts";

/** What a GET asks for. */
export interface ReadRequest {
  readonly from: Position;
  readonly live: "sse" | "long-poll" | undefined;
  readonly cursor: string | undefined;
  /** A native `EventSource` that connects again: it must be told when there will never be more. */
  readonly reconnecting: boolean;
}

const offsetSyntax = /^[0-9A-Za-z_-]{1,255}$/;

/**
 * The offset under which the protocol's own server and tests know the beginning of every queue. Offsets
 * are opaque to clients, but this one is written down in programs.
 */
const wellKnownZero = "0000000000000000_0000000000000000";

/** Reads the query and the headers of a GET. Throws a 400 for what is malformed, missing or repeated. */
export function readRequestOf(exchange: Exchange): ReadRequest {
  const query = new URLSearchParams(exchange.query);
  const offset = single(query, "offset");
  const live = single(query, "live");
  if (live !== undefined && live !== "sse" && live !== "long-poll") {
    throw invalid('live is "sse" or "long-poll"');
  }
  const lastEventId = exchange.header("last-event-id");
  const cursor = single(query, "cursor");
  if (live === undefined && acceptsEvents(exchange)) {
    return { ...eventSource(lastEventId, offset), live: "sse", cursor };
  }
  if (live === "sse" && lastEventId !== undefined) {
    return { ...eventSource(lastEventId, offset), live, cursor };
  }
  if (live !== undefined && offset === undefined) throw invalid(`live=${live} needs an offset`);
  return { from: positionOf(offset ?? "-1"), live, cursor, reconnecting: false };
}

/** The store's position for an offset as clients write it. Throws a 400. */
export function positionOf(offset: string): Position {
  if (offset === "-1" || offset === wellKnownZero) return "start";
  if (offset === "now") return "now";
  if (offset === "start" || !offsetSyntax.test(offset)) {
    throw invalid("offset is -1, now, or an offset that an answer gave");
  }
  return offset;
}

/** An `EventSource` always asks for its own type; it starts at the beginning unless it resumes. */
function acceptsEvents(exchange: Exchange): boolean {
  return exchange.header("accept")?.trim().toLowerCase() === "text/event-stream";
}

function eventSource(
  lastEventId: string | undefined,
  offset: string | undefined,
): Pick<ReadRequest, "from" | "reconnecting"> {
  const reconnecting = lastEventId !== undefined && lastEventId !== "";
  return { from: positionOf(reconnecting ? lastEventId : (offset ?? "-1")), reconnecting };
}

function single(query: URLSearchParams, name: string): string | undefined {
  const values = query.getAll(name);
  if (values.length > 1) throw invalid(`${name} is given ${values.length} times`);
  const [value] = values;
  if (value === "") throw invalid(`${name} is empty`);
  return value;
}

function invalid(what: string) {
  return fault(400, "QUERY_INVALID", `${what}.`);
}
