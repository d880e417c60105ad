import type { Ending, Offset, Position, QueueInfo, StoredMessage } from "@lazy/fsqueue";
import type { Answer, AnswerHeaders } from "./answer.ts";
import { framingOf, storedContentType } from "./content-type.ts";
import type { Core } from "./core.ts";
import type { Exchange } from "./exchange.ts";
import { JoinedBody, joinWhole, type MoreMessages } from "./joined-body.ts";

const smallBytes = 64 * 1024;
const mostMessages = 100_000;
/** A queue of no more than this is given in one answer, which is read while it is written. */
const streamedBytes = 8 * 1024 * 1024;

/** What one answer gives of a queue. */
export interface Piece {
  /** The first messages; all of them unless there is `more`. */
  readonly messages: readonly StoredMessage[];
  readonly more?: MoreMessages;
  /** Of all of it, where that is known. */
  readonly size?: { readonly messages: number; readonly bytes: number };
  /** Where the answer ends. */
  readonly next: Offset;
  readonly atEnd: boolean;
  readonly ending?: Ending;
}

/**
 * What one answer gives of a queue from a position on: all, if it is small; all up to the present end, if
 * that is not far; else as much as the memory for answers allows.
 */
export async function readPiece(
  core: Core,
  exchange: Exchange,
  info: QueueInfo,
  from: Position,
): Promise<Piece> {
  const { store, admission } = core;
  const { name, tail, ending } = info;
  const first = await store.read(name, from, { maxBytes: smallBytes, max: mostMessages });
  admission.hold(exchange, bytesIn(first.messages));
  if (first.atEnd || first.messages.length === 0 || first.next >= tail) return first;
  if (info.bytes <= streamedBytes) {
    const more = readUpTo(core, name, first.next, tail);
    const piece = { messages: first.messages, more, next: tail, atEnd: true };
    return {
      ...piece,
      ...(ending === undefined ? {} : { ending }),
      ...(from === "start" ? { size: { messages: info.messages, bytes: info.bytes } } : {}),
    };
  }
  const maxBytes = admission.reserve(exchange);
  const rest = await store.read(name, first.next, { maxBytes, max: mostMessages });
  admission.hold(exchange, bytesIn(first.messages) + bytesIn(rest.messages));
  return { ...rest, messages: [...first.messages, ...rest.messages] };
}

/** The body of an answer. Sets its length where it is known before it is read. */
export function bodyOf(
  core: Core,
  info: QueueInfo,
  { messages, more, size }: Piece,
  headers: AnswerHeaders,
): NonNullable<Answer["body"]> {
  const asJson = framingOf(storedContentType(info.metadata, core.contentType)) === "json";
  const known = more === undefined ? { messages: messages.length, bytes: bytesIn(messages) } : size;
  const brackets = asJson && known !== undefined ? Math.max(2, known.messages + 1) : 0;
  const length = known === undefined ? undefined : known.bytes + brackets;
  if (length !== undefined) headers["content-length"] = String(length);
  if (more === undefined && length !== undefined && length <= smallBytes) {
    return [joinWhole(messages, asJson)];
  }
  return new JoinedBody(messages, more ?? none, { asJson, slabs: core.slabs, length });
}

/** Reads on, a piece at a time, up to an offset; what was appended since then is left for the next answer. */
function readUpTo(core: Core, name: string, from: Offset, end: Offset): MoreMessages {
  let position = from;
  return async () => {
    if (position >= end) return [];
    const { messages, next } = await core.store.read(name, position, {
      maxBytes: smallBytes,
      max: mostMessages,
    });
    position = next;
    return next > end ? messages.filter((message) => message.offset <= end) : messages;
  };
}

async function none(): Promise<readonly StoredMessage[]> {
  return [];
}

function bytesIn(messages: readonly StoredMessage[]): number {
  let bytes = 0;
  for (const message of messages) bytes += message.data.byteLength;
  return bytes;
}
