import { join } from "node:path";
import { crc32 } from "./crc32.ts";
import { Dormant } from "./dormant.ts";
import type { Journal } from "./journal.ts";
import { SEGMENT_HEADER } from "./layout.ts";
import type { Found } from "./recovery.ts";
import type { Segment } from "./segment.ts";
import type { LogPlace } from "./snapshot-entry.ts";
import {
  SNAPSHOT_FILE,
  SNAPSHOT_HEADER,
  SNAPSHOT_LIMIT,
  SNAPSHOT_WITNESS,
  type SnapshotHeader,
  isLittleEndian,
  readSnapshotHeader,
} from "./snapshot-layout.ts";

const decoder = new TextDecoder();

/** A snapshot that the journal was brought to. */
export interface LoadedSnapshot {
  /** The log is to be read on from here. */
  readonly place: LogPlace;
  readonly size: number;
  readonly segments: readonly number[];
}

/**
 * Bring an empty journal to what the snapshot in its folder says, if there is one and it fits the segments
 * that were found. `counted` is how many bytes of a segment count, where the one after it tells.
 */
export async function loadSnapshot(
  journal: Journal,
  found: readonly Found[],
  counted: ReadonlyMap<number, number>,
): Promise<LoadedSnapshot | undefined> {
  if (!isLittleEndian() || found.length === 0) return undefined;
  const bytes = await readFile(journal).catch(() => {});
  const header = bytes === undefined ? undefined : readSnapshotHeader(bytes);
  if (bytes === undefined || header === undefined || header.store !== journal.store)
    return undefined;
  if (crc32(bytes, SNAPSHOT_HEADER, bytes.length, header.store) !== header.bodyCrc)
    return undefined;
  const limits = new Map(
    found.map(({ segment, length }) => [
      segment.number,
      Math.min(length, counted.get(segment.number) ?? length),
    ]),
  );
  const segments = new Map(found.map(({ segment }) => [segment.number, segment]));
  const listed = readSegments(bytes, header);
  if (listed === undefined || !fits(header, listed, segments, limits)) return undefined;
  if ((await witness(journal, segments.get(header.segment)!, header.offset)) !== header.witness) {
    return undefined;
  }
  const end = SNAPSHOT_HEADER + header.entriesLength;
  const known = new Map(listed.map(({ number }) => [number, segments.get(number)!]));
  const dormant = Dormant.read(bytes, header.queues, end, known);
  if (dormant === undefined) return undefined;
  for (const { number, tombstones } of listed) {
    for (const [queue, first] of tombstones) segments.get(number)!.tombstones.set(queue, first);
  }
  journal.nextQueue = Math.max(journal.nextQueue, header.nextQueue);
  journal.lastTime = header.time;
  journal.closedCleanly = header.closedCleanly;
  journal.boot = decoder.decode(bytes.subarray(bytes.length - header.bootLength));
  journal.adoptDormant(dormant);
  const { segment, offset } = header;
  return {
    place: { segment, offset },
    size: bytes.length,
    segments: listed.map(({ number }) => number),
  };
}

async function readFile(journal: Journal): Promise<Uint8Array | undefined> {
  const { port, dir } = journal.options;
  const descriptor = await port.open(join(dir, SNAPSHOT_FILE), "read");
  try {
    const size = await port.size(descriptor);
    if (size < SNAPSHOT_HEADER || size > SNAPSHOT_LIMIT) return undefined;
    const bytes = Buffer.allocUnsafeSlow(size); // its own memory, from the first byte on
    for (let at = 0; at < size;) {
      const count = await port.read(descriptor, bytes, at, size - at, at);
      if (count === 0) return undefined;
      at += count;
    }
    return bytes;
  } finally {
    await port.close(descriptor);
  }
}

interface ListedSegment {
  readonly number: number;
  readonly salt: number;
  readonly size: number;
  readonly tombstones: readonly (readonly [queue: number, first: number])[];
}

function readSegments(bytes: Uint8Array, header: SnapshotHeader): ListedSegment[] | undefined {
  const end = bytes.length - header.bootLength;
  let at = SNAPSHOT_HEADER + header.entriesLength;
  if (at > end || at % 4 !== 0) return undefined;
  const view = new DataView(bytes.buffer);
  const listed: ListedSegment[] = [];
  while (listed.length < header.segments) {
    if (at + 16 > end) return undefined;
    const count = view.getUint32(at + 12, true);
    const tombstones: [number, number][] = [];
    const segment = {
      number: view.getUint32(at, true),
      salt: view.getUint32(at + 4, true),
      size: view.getUint32(at + 8, true),
      tombstones,
    };
    at += 16;
    if (at + count * 8 > end) return undefined;
    for (const last = at + count * 8; at < last; at += 8) {
      tombstones.push([view.getUint32(at, true), view.getUint32(at + 4, true)]);
    }
    listed.push(segment);
  }
  return at === end ? listed : undefined;
}

/** Whether the segments that the snapshot covers are those of the folder, and as long. */
function fits(
  { segment: place, offset }: SnapshotHeader,
  listed: readonly ListedSegment[],
  segments: ReadonlyMap<number, Segment>,
  limits: ReadonlyMap<number, number>,
): boolean {
  const numbers = new Set<number>();
  for (const { number, salt, size } of listed) {
    numbers.add(number);
    if (segments.get(number)?.salt !== salt) return false;
    if (number < place && limits.get(number) !== size) return false;
  }
  if (!numbers.has(place) || (limits.get(place) ?? 0) < offset) return false;
  for (const number of segments.keys()) if (number <= place && !numbers.has(number)) return false;
  return true;
}

/** The checksum of what stands right before this offset: another history would have another one. */
export async function witness(journal: Journal, segment: Segment, offset: number): Promise<number> {
  const length = Math.min(SNAPSHOT_WITNESS, offset - SEGMENT_HEADER);
  const bytes = new Uint8Array(length);
  const { port } = journal.options;
  for (let at = 0; at < length;) {
    const from = offset - length + at;
    const count = await port.read(segment.descriptor, bytes, at, length - at, from);
    if (count === 0) break;
    at += count;
  }
  return crc32(bytes, 0, length, segment.salt);
}
