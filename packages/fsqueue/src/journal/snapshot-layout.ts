import { crc32 } from "./crc32.ts";
import { viewOf } from "./layout.ts";

/*
 * The index snapshot, as FORMAT.md fixes it: what a scan of the log up to a place would give. A hint only.
 */

export const SNAPSHOT_FILE = "index.snapshot";
export const SNAPSHOT_DRAFT = "index.snapshot.new";
export const SNAPSHOT_HEADER = 64;
const SNAPSHOT_VERSION = 1;
const SNAPSHOT_MAGIC = 0x49515a4c; // "LZQI"
/** So much before the place is compared with what stands in the log. */
export const SNAPSHOT_WITNESS = 4096;
/** A larger one is neither written nor read. */
export const SNAPSHOT_LIMIT: number = 1 << 30;

/** Words of an entry before the state of the queue. */
export const ENTRY_WORDS = 15;
/** What the words of an entry are. */
export const Entry = {
  length: 0,
  number: 1,
  flags: 2,
  hash: 3,
  coveredSegment: 4,
  coveredOffset: 5,
  firstSegment: 6,
  anchor: 7,
  lastSegment: 8,
  count: 9,
  bytes: 11,
  stateLength: 13,
  runs: 14,
} as const;
/** The queue is to be built at once: something but its name leads to it. */
export const ENTRY_EAGER = 1;
/** Words before the table of a run: its first sequence (2), count, segment. */
export const RUN_WORDS = 4;

export interface SnapshotHeader {
  readonly closedCleanly: boolean;
  readonly store: number;
  readonly queues: number;
  readonly segments: number;
  readonly bootLength: number;
  /** The log is to be read on from here. */
  readonly segment: number;
  readonly offset: number;
  readonly nextQueue: number;
  readonly time: number;
  /** Bytes of the entries. */
  readonly entriesLength: number;
  readonly witness: number;
  readonly bodyCrc: number;
}

export function writeSnapshotHeader(header: SnapshotHeader): Uint8Array {
  const bytes = new Uint8Array(SNAPSHOT_HEADER);
  const view = viewOf(bytes);
  view.setUint32(0, SNAPSHOT_MAGIC, true);
  view.setUint16(4, SNAPSHOT_VERSION, true);
  view.setUint16(6, header.closedCleanly ? 1 : 0, true);
  view.setUint32(8, header.store, true);
  view.setUint32(12, header.queues, true);
  view.setUint32(16, header.segments, true);
  view.setUint32(20, header.bootLength, true);
  view.setUint32(24, header.segment, true);
  view.setUint32(28, header.offset, true);
  view.setUint32(32, header.nextQueue, true);
  view.setUint32(36, header.time >>> 0, true);
  view.setUint32(40, Math.floor(header.time / 2 ** 32), true);
  view.setUint32(44, header.entriesLength, true);
  view.setUint32(48, header.witness, true);
  view.setUint32(52, header.bodyCrc, true);
  view.setUint32(60, crc32(bytes, 0, 60, 0), true);
  return bytes;
}

/** Undefined when these bytes are not a valid header of this version. */
export function readSnapshotHeader(bytes: Uint8Array): SnapshotHeader | undefined {
  if (bytes.length < SNAPSHOT_HEADER) return undefined;
  const view = viewOf(bytes);
  if (view.getUint32(0, true) !== SNAPSHOT_MAGIC) return undefined;
  if (view.getUint32(60, true) !== crc32(bytes, 0, 60, 0)) return undefined;
  if (view.getUint16(4, true) !== SNAPSHOT_VERSION) return undefined;
  return {
    closedCleanly: view.getUint16(6, true) === 1,
    store: view.getUint32(8, true),
    queues: view.getUint32(12, true),
    segments: view.getUint32(16, true),
    bootLength: view.getUint32(20, true),
    segment: view.getUint32(24, true),
    offset: view.getUint32(28, true),
    nextQueue: view.getUint32(32, true),
    time: view.getUint32(36, true) + view.getUint32(40, true) * 2 ** 32,
    entriesLength: view.getUint32(44, true),
    witness: view.getUint32(48, true),
    bodyCrc: view.getUint32(52, true),
  };
}

/** FNV-1a over the UTF-16 code units of the name. */
export function hashOfName(name: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < name.length; at += 1) {
    hash = Math.imul(hash ^ name.charCodeAt(at), 0x01000193);
  }
  return hash >>> 0;
}

/** Tables are used as they stand in the file, so the machine must agree with it about the order of bytes. */
export function isLittleEndian(): boolean {
  return new Uint8Array(new Uint32Array([1]).buffer)[0] === 1;
}

export function padded(length: number): number {
  return (length + 3) & ~3;
}
