import type { Ending, Offset, Position, QueueInfo, StoredMessage } from "@lazy/fsqueue";
import type { Answer } from "./answer.ts";
import { framingOf, storedContentType } from "./content-type.ts";
import {
  canCopy,
  CopiedBody,
  copyWhole,
  extentLength,
  joining,
  type CopyingStore,
} from "./copied-body.ts";
import type { Core } from "./core.ts";
import type { Exchange } from "./exchange.ts";
import { JoinedBody, joinWhole, type MoreMessages } from "./joined-body.ts";

const smallBytes = 64 * 1024;
const mostMessages = 100_000;
/** No answer gives more than this, so that a client whose connection breaks need not begin from afar. */
const mostBytes = 4 * 1024 * 1024;

/** What one answer gives of a queue. */
export interface Piece {
  readonly empty: boolean;
  /** Where it ends. */
  readonly next: Offset;
  readonly atEnd: boolean;
  readonly ending?: Ending;
  /** Of the body, in bytes; undefined where that is not known before all of it was read. */
  readonly length: number | undefined;
  /** Makes the body; it may never be asked for. */
  body(): Promise<NonNullable<Answer["body"]>>;
}

/** What one answer gives of a queue from a position on. */
export async function readPiece(
  core: Core,
  exchange: Exchange,
  info: QueueInfo,
  from: Position,
): Promise<Piece> {
  const asJson = framingOf(storedContentType(info.metadata, core.contentType)) === "json";
  const { store } = core;
  const copied = canCopy(store) ? await copiedPiece(core, store, info, from, asJson) : undefined;
  return copied ?? joinedPiece(core, exchange, info, from, asJson);
}

/** Up to 4 MiB, measured first and read while it is written; undefined if the next message is larger. */
async function copiedPiece(
  core: Core,
  store: CopyingStore,
  { name }: QueueInfo,
  from: Position,
  asJson: boolean,
): Promise<Piece | undefined> {
  const measured = await store.readInto(name, from, mostBytes, joining(asJson));
  const empty = measured.messages === 0;
  if (empty && !measured.atEnd) return undefined;
  const extent = { name, from, measured, asJson };
  const length = extentLength(extent);
  return {
    ...measured,
    empty,
    length,
    body: async () =>
      length <= smallBytes ? copyWhole(store, extent) : new CopiedBody(store, core.slabs, extent),
  };
}

/**
 * The same from a store that gives messages only: all, if it is small; all up to the present end, if that
 * is not far; else as much as the memory for answers allows.
 */
async function joinedPiece(
  core: Core,
  exchange: Exchange,
  info: QueueInfo,
  from: Position,
  asJson: boolean,
): Promise<Piece> {
  const { store, admission, slabs } = core;
  const { name, tail, ending } = info;
  const first = await store.read(name, from, { maxBytes: smallBytes, max: mostMessages });
  admission.hold(exchange, bytesIn(first.messages));
  if (first.atEnd || first.messages.length === 0 || first.next >= tail) {
    return { ...first, ...inMemory(core, first.messages, asJson) };
  }
  if (info.bytes <= mostBytes) {
    const more = readUpTo(core, name, first.next, tail);
    const length = from === "start" ? lengthOf(info.messages, info.bytes, asJson) : undefined;
    return {
      empty: false,
      next: tail,
      atEnd: true,
      ...(ending === undefined ? {} : { ending }),
      length,
      body: async () => new JoinedBody(first.messages, more, { asJson, slabs, length }),
    };
  }
  const maxBytes = admission.reserve(exchange);
  const rest = await store.read(name, first.next, { maxBytes, max: mostMessages });
  admission.hold(exchange, bytesIn(first.messages) + bytesIn(rest.messages));
  return { ...rest, ...inMemory(core, [...first.messages, ...rest.messages], asJson) };
}

function inMemory(
  core: Core,
  messages: readonly StoredMessage[],
  asJson: boolean,
): Pick<Piece, "empty" | "length" | "body"> {
  const length = lengthOf(messages.length, bytesIn(messages), asJson);
  return {
    empty: messages.length === 0,
    length,
    body: async () =>
      length <= smallBytes
        ? joinWhole(messages, asJson)
        : new JoinedBody(messages, none, { asJson, slabs: core.slabs, length }),
  };
}

function lengthOf(messages: number, bytes: number, asJson: boolean): number {
  return asJson ? bytes + Math.max(2, messages + 1) : bytes;
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
