import { crc32 } from "./crc32.ts";

/*
 * The bytes of a segment, as FORMAT.md fixes them: a header, then blocks, each a header and records.
 * All integers little endian.
 */

export const FORMAT_VERSION = 1;
export const SEGMENT_HEADER = 64;
export const BLOCK_HEADER = 32;
export const RECORD_HEADER = 24;

/** No block body is longer. */
export const BLOCK_LIMIT: number = 16 << 20;

const SEGMENT_MAGIC = 0x31515a4c; // "LZQ1"
export const BLOCK_MAGIC = 0x4b4c424c; // "LBLK"

export const RecordType = {
  open: 1,
  data: 2,
  seal: 3,
  trim: 4,
  cursor: 5,
  lease: 6,
  acknowledge: 7,
  delete: 8,
  release: 9,
  touch: 10,
  producer: 11,
  order: 12,
  gap: 13,
  start: 14,
  close: 15,
} as const;
export type RecordType = (typeof RecordType)[keyof typeof RecordType];

export interface SegmentHeader {
  readonly salt: number;
  readonly lane: number;
  readonly number: number;
  readonly created: number;
  /** The segment written before this one (0: none), and how many of its bytes count. */
  readonly previous: number;
  readonly previousLength: number;
  /** No queue with this number or a higher one stands in an earlier segment. */
  readonly nextQueue: number;
  /** Random, the same in all segments of a folder. */
  readonly store: number;
}

export function writeSegmentHeader(header: SegmentHeader): Uint8Array {
  const bytes = new Uint8Array(SEGMENT_HEADER);
  const view = viewOf(bytes);
  view.setUint32(0, SEGMENT_MAGIC, true);
  view.setUint16(4, FORMAT_VERSION, true);
  view.setUint16(6, SEGMENT_HEADER, true);
  view.setUint32(8, header.salt, true);
  view.setUint32(12, header.lane, true);
  view.setUint32(16, header.number, true);
  view.setUint32(20, header.previous, true);
  view.setUint32(24, header.previousLength, true);
  view.setUint32(28, header.nextQueue, true);
  view.setUint32(32, header.created >>> 0, true);
  view.setUint32(36, Math.floor(header.created / 2 ** 32), true);
  view.setUint32(40, header.store, true);
  view.setUint32(60, crc32(bytes, 0, 60, 0), true);
  return bytes;
}

/** Undefined when these bytes are not a valid header. */
export function readSegmentHeader(
  bytes: Uint8Array,
): (SegmentHeader & { version: number }) | undefined {
  if (bytes.length < SEGMENT_HEADER) return undefined;
  const view = viewOf(bytes);
  if (view.getUint32(0, true) !== SEGMENT_MAGIC) return undefined;
  if (view.getUint32(60, true) !== crc32(bytes, 0, 60, 0)) return undefined;
  return {
    version: view.getUint16(4, true),
    salt: view.getUint32(8, true),
    lane: view.getUint32(12, true),
    number: view.getUint32(16, true),
    previous: view.getUint32(20, true),
    previousLength: view.getUint32(24, true),
    nextQueue: view.getUint32(28, true),
    created: view.getUint32(32, true) + view.getUint32(36, true) * 2 ** 32,
    store: view.getUint32(40, true),
  };
}

/**
 * Write the header of the block whose body stands at `at + BLOCK_HEADER`. `offset` is where the block
 * begins in its segment: it seeds the checksum, so that a block is valid at its own place only.
 */
export function writeBlockHeader(
  bytes: Uint8Array,
  view: DataView,
  at: number,
  block: {
    salt: number;
    offset: number;
    bodyLength: number;
    count: number;
    durable: number;
    time: number;
  },
): void {
  const body = at + BLOCK_HEADER;
  view.setUint32(at, (BLOCK_MAGIC ^ block.salt) >>> 0, true);
  view.setUint32(at + 4, block.bodyLength, true);
  view.setUint32(at + 8, block.count, true);
  view.setUint32(at + 12, block.durable, true);
  view.setUint32(at + 16, block.time >>> 0, true);
  view.setUint32(at + 20, Math.floor(block.time / 2 ** 32), true);
  view.setUint32(at + 24, crc32(bytes, body, body + block.bodyLength, block.salt, view), true);
  const seed = (block.salt ^ block.offset) >>> 0;
  view.setUint32(at + 28, crc32(bytes, at, at + 28, seed, view), true);
}

export interface BlockHeader {
  readonly bodyLength: number;
  readonly count: number;
  /** All bytes of the segment before this offset were known to be durable when the block was written. */
  readonly durable: number;
  readonly bodyCrc: number;
}

/** The salt of a segment, from the first four bytes of a block. */
export function saltOfBlock(word: number): number {
  return (word ^ BLOCK_MAGIC) >>> 0;
}

/** Undefined when there is no valid block header at `at`, which is `offset` in its segment. */
export function readBlockHeader(
  bytes: Uint8Array,
  view: DataView,
  at: number,
  salt: number,
  offset: number,
): BlockHeader | undefined {
  if (at + BLOCK_HEADER > bytes.length) return undefined;
  if (view.getUint32(at, true) !== (BLOCK_MAGIC ^ salt) >>> 0) return undefined;
  const crc = crc32(bytes, at, at + 28, (salt ^ offset) >>> 0, view);
  if (view.getUint32(at + 28, true) !== crc) return undefined;
  return {
    bodyLength: view.getUint32(at + 4, true),
    count: view.getUint32(at + 8, true),
    durable: view.getUint32(at + 12, true),
    bodyCrc: view.getUint32(at + 24, true),
  };
}

/** Write a record's header and checksum; its payload stands at `at + RECORD_HEADER` already. */
export function finishRecord(
  bytes: Uint8Array,
  view: DataView,
  at: number,
  type: number,
  length: number,
  queue: number,
  sequence: number,
  timeLow: number,
  timeHigh: number,
  salt: number,
): void {
  view.setUint32(at + 4, (length | (type << 24)) >>> 0, true);
  view.setUint32(at + 8, queue, true);
  view.setUint32(at + 12, sequence >>> 0, true);
  view.setUint16(at + 16, (sequence / 2 ** 32) | 0, true);
  view.setUint32(at + 18, timeLow, true);
  view.setUint16(at + 22, timeHigh, true);
  view.setUint32(at, crc32(bytes, at + 4, at + length, salt, view), true);
}

export function recordLength(view: DataView, at: number): number {
  return view.getUint32(at + 4, true) & 0xffffff;
}
export function recordType(view: DataView, at: number): number {
  return view.getUint8(at + 7);
}
export function recordQueue(view: DataView, at: number): number {
  return view.getUint32(at + 8, true);
}
export function recordSequence(view: DataView, at: number): number {
  return view.getUint32(at + 12, true) + view.getUint16(at + 16, true) * 2 ** 32;
}
export function recordTime(view: DataView, at: number): number {
  return view.getUint32(at + 18, true) + view.getUint16(at + 22, true) * 2 ** 32;
}
/** Whether the record of `length` bytes at `at` is what was written. */
export function recordIntact(
  bytes: Uint8Array,
  view: DataView,
  at: number,
  length: number,
  salt: number,
): boolean {
  return view.getUint32(at, true) === crc32(bytes, at + 4, at + length, salt, view);
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
