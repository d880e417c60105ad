import type { Ending, Offset, StoredMessage } from "@lazy/fsqueue";
import type { Framing } from "./content-type.ts";

const lineFeed = 0x0a;
const carriageReturn = 0x0d;
const space = 0x20;
const dataEvent = Buffer.from("event: data\n");
const fieldName = Buffer.from("data:");
const spacedFieldName = Buffer.from("data: ");
const fieldEnd = Buffer.from("\n");
const open = Buffer.from("[");
const comma = Buffer.from(",");
const close = Buffer.from("]");
const longestField = spacedFieldName.length + fieldEnd.length;

/** Bytes, or text of ASCII alone, which takes no buffer of its own. */
export type FramePart = Uint8Array | string;

/** The length of parts in bytes. */
export function lengthOf(parts: readonly FramePart[]): number {
  let length = 0;
  for (const part of parts) length += part.length;
  return length;
}

/** Write parts one after the other to the start of a buffer that is long enough. */
export function writeParts(parts: readonly FramePart[], into: Buffer): void {
  let at = 0;
  for (const part of parts) {
    if (typeof part === "string") into.write(part, at, "latin1");
    else into.set(part, at);
    at += part.length;
  }
}

/** Where a reader stands after a frame. */
export interface FramePosition {
  readonly offset: Offset;
  readonly cursor: string;
  readonly upToDate: boolean;
  /** Present once the queue is sealed and everything was sent. */
  readonly ending?: Ending;
}

/**
 * One piece of an event stream, in parts to be written one after the other: a `data` event with the
 * joined payloads, if there are any, and the `control` event that must follow it. Both carry the offset as `id:`,
 * so that a native `EventSource` resumes by itself, wherever between the two it was cut off.
 *
 * Source: Durable Streams protocol, section 5.8; HTML, section 9.2.
 */
export function sseFrame(
  payload: Uint8Array | undefined,
  framing: Framing,
  position: FramePosition,
): FramePart[] {
  const control = controlEvent(position);
  if (payload === undefined) return [Buffer.from(control)];
  const end = Buffer.from(`id: ${position.offset}\n\n${control}`);
  return [dataEvent, ...dataLines(payload, framing), end];
}

/**
 * The payloads of messages as one, undefined if there are none: JSON with commas between them, everything
 * else as it is. One message stays where it is, several are put into the buffer if they fit.
 */
export function joinPayloads(
  messages: readonly StoredMessage[],
  framing: Framing,
  into: Buffer,
): Uint8Array | undefined {
  if (messages.length < 2) return messages[0]?.data;
  const parts: Uint8Array[] = [];
  for (const message of messages) {
    if (framing === "json" && parts.length > 0) parts.push(comma);
    parts.push(message.data);
  }
  const length = lengthOf(parts);
  if (length > into.length) return Buffer.concat(parts, length);
  writeParts(parts, into);
  return into.subarray(0, length);
}

function controlEvent({ offset, cursor, upToDate, ending }: FramePosition): string {
  const control = {
    streamNextOffset: offset,
    ...(ending === undefined ? { streamCursor: cursor } : { streamClosed: true }),
    ...(upToDate || ending !== undefined ? { upToDate: true } : {}),
    ...(ending === undefined || ending.status === "ok" ? {} : { streamEnding: ending }),
  };
  // Some clients look for the data right after the event's name: the id comes last, and no space goes before the data.
  return `event: control\ndata:${JSON.stringify(control)}\nid: ${offset}\n\n`;
}

function dataLines(payload: Uint8Array, framing: Framing): FramePart[] {
  if (framing === "bytes") return [fieldName, base64(payload), fieldEnd];
  const broken = hasBreak(payload);
  if (framing === "json") {
    // A line break in JSON stands only between two tokens, where a space means the same.
    return [fieldName, open, broken ? withoutBreaks(payload) : payload, close, fieldEnd];
  }
  if (broken) return [fieldPerLine(payload)];
  return [payload[0] === space ? spacedFieldName : fieldName, payload, fieldEnd];
}

function base64(payload: Uint8Array): string {
  const { buffer, byteOffset, byteLength } = payload;
  return Buffer.from(buffer, byteOffset, byteLength).toString("base64");
}

function withoutBreaks(part: Uint8Array): Uint8Array {
  return part.map((byte) => (byte === lineFeed || byte === carriageReturn ? space : byte));
}

function hasBreak(part: Uint8Array): boolean {
  return part.includes(lineFeed) || part.includes(carriageReturn);
}

/** A `data:` field for each line. CR, LF and CRLF all end a line, as they do for the client. */
function fieldPerLine(payload: Uint8Array): Uint8Array {
  const fields = Buffer.allocUnsafe(payload.length + (countBreaks(payload) + 1) * longestField);
  let to = startField(fields, 0, payload[0]);
  for (let at = 0; at < payload.length; at++) {
    const byte = payload[at];
    if (byte !== lineFeed && byte !== carriageReturn) {
      fields[to++] = byte ?? 0;
      continue;
    }
    if (byte === carriageReturn && payload[at + 1] === lineFeed) at += 1;
    fields[to++] = lineFeed;
    to = startField(fields, to, payload[at + 1]);
  }
  fields[to++] = lineFeed;
  return fields.subarray(0, to);
}

/** Writes `data:`, and the space that a client will strip where the line begins with one of its own. */
function startField(fields: Buffer, to: number, firstByte: number | undefined): number {
  const name = firstByte === space ? spacedFieldName : fieldName;
  fields.set(name, to);
  return to + name.length;
}

function countBreaks(payload: Uint8Array): number {
  let breaks = 0;
  for (const byte of payload) if (byte === lineFeed || byte === carriageReturn) breaks += 1;
  return breaks;
}
