import type { Ending, Position, QueueInfo } from "@lazy/fsqueue";
import type { Answer, AnswerHeaders } from "./answer.ts";
import { framingOf, storedContentType } from "./content-type.ts";
import type { Core } from "./core.ts";
import { nextCursor } from "./cursor.ts";
import { EventStream } from "./event-stream.ts";
import type { Exchange } from "./exchange.ts";
import { requireQueue } from "./lookup.ts";
import { readPiece, type Piece } from "./piece.ts";
import { readRequestOf, type ReadRequest } from "./read-position.ts";

/** GET: catch-up, long-poll, or an event stream. */
export async function readQueue(core: Core, exchange: Exchange, name: string): Promise<Answer> {
  const request = readRequestOf(exchange);
  const info = await requireQueue(core.store, name);
  if (request.live === "sse") return streamEvents(core, info, request);
  if (request.live === "long-poll") return longPoll(core, exchange, info, request);
  return catchUp(core, exchange, info, request);
}

async function catchUp(
  core: Core,
  exchange: Exchange,
  info: QueueInfo,
  request: ReadRequest,
): Promise<Answer> {
  const piece = await readPiece(core, exchange, info, request.from);
  const headers = pieceHeaders(core, info, piece);
  if (request.from === "now") {
    headers["cache-control"] = "no-store";
    return give(piece, headers);
  }
  headers["cache-control"] = cacheControl(core, piece);
  const etag = etagOf(info, request.from, piece);
  headers["etag"] = etag;
  if (matches(exchange.header("if-none-match"), etag)) return { status: 304, headers };
  return give(piece, headers);
}

async function give(piece: Piece, headers: AnswerHeaders): Promise<Answer> {
  if (piece.length !== undefined) headers["content-length"] = String(piece.length);
  return { status: 200, headers, body: await piece.body() };
}

async function longPoll(
  core: Core,
  exchange: Exchange,
  info: QueueInfo,
  request: ReadRequest,
): Promise<Answer> {
  let piece = await readPiece(core, exchange, info, request.from);
  if (piece.empty && piece.ending === undefined) {
    await waitForMore(core, exchange, info.name, piece.next);
    piece = await readPiece(core, exchange, info, piece.next);
  }
  const headers = pieceHeaders(core, info, piece);
  headers["stream-cursor"] = nextCursor(request.cursor);
  headers["cache-control"] = "no-store";
  if (piece.empty) return { status: 204, headers };
  return give(piece, headers);
}

async function streamEvents(core: Core, info: QueueInfo, request: ReadRequest): Promise<Answer> {
  const position = await startOf(core, info, request.from);
  // 204 is the one answer after which an EventSource stops connecting again.
  if (request.reconnecting && info.ending !== undefined && position === info.tail) {
    return { status: 204, headers: { "stream-next-offset": position, "stream-closed": "true" } };
  }
  const onEnd = core.admission.admitReader(info.name);
  const headers: AnswerHeaders = {
    "content-type": "text/event-stream",
    "cache-control": "no-cache, no-store",
    "x-accel-buffering": "no",
    "stream-next-offset": info.tail,
  };
  if (framingOf(storedContentType(info.metadata, core.contentType)) === "bytes") {
    headers["stream-sse-data-encoding"] = "base64";
  }
  return {
    status: 200,
    headers,
    body: new EventStream(core, { info, position, cursor: request.cursor, onEnd }),
  };
}

/** Checks an offset before the answer begins, and makes an offset of `start` and `now`. */
async function startOf(core: Core, info: QueueInfo, from: Position): Promise<string> {
  if (from === "start") return info.head;
  if (from === "now") return (await core.store.read(info.name, "now", { max: 1 })).next;
  await core.store.read(info.name, from, { max: 1, maxBytes: 1 });
  return from;
}

async function waitForMore(
  core: Core,
  exchange: Exchange,
  name: string,
  after: string,
): Promise<void> {
  const leave = core.admission.admitReader(name);
  const controller = new AbortController();
  const stop = (): void => controller.abort();
  const timer = setTimeout(stop, core.live.longPollMs);
  const forgetGone = exchange.onGone(stop);
  const forgetDrain = core.admission.onDrain(stop);
  try {
    await core.store.wait(name, after, controller.signal);
  } catch (error) {
    if (!controller.signal.aborted) throw error;
  } finally {
    clearTimeout(timer);
    forgetGone();
    forgetDrain();
    leave();
  }
}

function pieceHeaders(core: Core, info: QueueInfo, piece: Piece): AnswerHeaders {
  return {
    "content-type": storedContentType(info.metadata, core.contentType),
    // A stored page must not become a page of this origin when somebody opens its address.
    "content-security-policy": "default-src 'none'; sandbox",
    "stream-next-offset": piece.next,
    ...(piece.atEnd ? { "stream-up-to-date": "true" } : {}),
    ...(piece.ending === undefined ? {} : closedHeaders(piece.ending)),
  };
}

/** `Stream-Closed`, and, beyond the protocol, how the queue ended if not well. */
export function closedHeaders(ending: Ending): AnswerHeaders {
  return {
    "stream-closed": "true",
    ...(ending.status === "ok" ? {} : { "stream-ending": ending.status }),
  };
}

/** All that there will ever be under this offset may be kept; what ends at the present end may grow. */
function cacheControl(core: Core, piece: Piece): string {
  if (core.cache === "no-store") return "no-store";
  if (piece.atEnd && piece.ending === undefined) return `${core.cache}, no-cache`;
  return `${core.cache}, max-age=60, stale-while-revalidate=300`;
}

function etagOf(info: QueueInfo, from: Position, piece: Piece): string {
  return `"${info.id}:${from}:${piece.next}${piece.ending === undefined ? "" : ":c"}"`;
}

function matches(ifNoneMatch: string | undefined, etag: string): boolean {
  if (ifNoneMatch === undefined) return false;
  return ifNoneMatch
    .split(",")
    .some((tag) => tag.trim().replace(/^W\//, "") === etag || tag.trim() === "*");
}
