import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { QueueError } from "../errors.ts";
import { corruptSegment } from "./corrupt.ts";
import type { Journal } from "./journal.ts";
import {
  BLOCK_HEADER,
  FORMAT_VERSION,
  SEGMENT_HEADER,
  type SegmentHeader,
  readSegmentHeader,
  recordQueue,
  recordSequence,
  saltOfBlock,
} from "./layout.ts";
import { replayBlock } from "./replay.ts";
import { salvageStretch } from "./salvage.ts";
import { findBlock, intactRecords, readBlock } from "./scan.ts";
import { Segment } from "./segment.ts";
import { SegmentReader } from "./segment-reader.ts";
import { settle } from "./settle.ts";
import { SNAPSHOT_FILE } from "./snapshot-layout.ts";
import { type LoadedSnapshot, loadSnapshot } from "./snapshot-reader.ts";

const LANE_FOLDER = /^lane-(\d{6})$/;

/** A segment file as its header tells. */
export interface Found {
  readonly segment: Segment;
  readonly header: SegmentHeader | undefined;
  readonly length: number;
}

export interface Recovered {
  /** The lane and segment numbers that come next. */
  readonly lane: number;
  readonly nextSegment: number;
  /** The newest segment, open for writing if the journal is to be written. */
  readonly last: Segment | undefined;
  /** What spared the scan of the log up to a place. */
  readonly snapshot: LoadedSnapshot | undefined;
}

/**
 * Read the folder into the journal. What a crash left at the end of the newest segment is cut off; damage
 * anywhere else throws. After it everything that was found is durable.
 */
export async function recover(journal: Journal, writable: boolean): Promise<Recovered> {
  // Who salvages wants to know of all that is damaged.
  if (journal.options.salvage === undefined) {
    const recovered = await recoverWithSnapshot(journal, writable);
    if (recovered !== undefined) return recovered;
  }
  if (writable) await dropSnapshot(journal);
  const found = await openSegments(journal, writable);
  return replayAll(journal, found, countedLengths(found), writable, undefined);
}

/** Undefined, and the journal empty, if there is no snapshot, or something does not agree with it. */
async function recoverWithSnapshot(
  journal: Journal,
  writable: boolean,
): Promise<Recovered | undefined> {
  const names = await journal.options.port.list(journal.options.dir);
  if (!names.includes(SNAPSHOT_FILE)) return undefined;
  const found = await openSegments(journal, writable);
  const counted = countedLengths(found);
  try {
    const snapshot = await loadSnapshot(journal, found, counted);
    if (snapshot !== undefined) {
      return await replayAll(journal, found, counted, writable, snapshot);
    }
  } catch {
    // What is really wrong, the scan of all finds again.
  }
  await journal.clear();
  for (const { segment } of found) await journal.descriptors.drop(segment);
  return undefined;
}

/** One that was of no use now must not be believed after what is written next. */
async function dropSnapshot(journal: Journal): Promise<void> {
  const { port, dir } = journal.options;
  if (!(await port.list(dir)).includes(SNAPSHOT_FILE)) return;
  await port.remove(join(dir, SNAPSHOT_FILE));
  await port.syncFolder(dir);
}

function countedLengths(found: readonly Found[]): Map<number, number> {
  const lengths = new Map<number, number>();
  for (const { header } of found) {
    if (header !== undefined) lengths.set(header.previous, header.previousLength);
  }
  return lengths;
}

async function replayAll(
  journal: Journal,
  found: readonly Found[],
  lengths: ReadonlyMap<number, number>,
  writable: boolean,
  snapshot: LoadedSnapshot | undefined,
): Promise<Recovered> {
  const last = found.at(-1);
  try {
    for (const one of found) {
      const counted = lengths.get(one.segment.number);
      const from = startOfScan(one.segment, snapshot);
      await scanSegment(journal, one, counted, one === last, writable, from);
      journal.segments.push(one.segment);
    }
    settle(journal);
    journal.covered = undefined;
  } catch (error) {
    for (const { segment } of found) journal.descriptors.adopt(segment);
    throw error;
  }
  if (journal.segments.some((segment) => segment.damaged)) journal.lossy = true;
  if (journal.lossy) {
    // What is lost at the end of a queue leaves no trace: its offsets must not be given again.
    for (const queue of journal.byNumber.values()) queue.jumps += 1;
  }
  if (writable && last !== undefined) await makeDurable(journal, last.segment);
  return {
    lane: last?.segment.lane ?? 1,
    nextSegment: (last?.segment.number ?? 0) + 1,
    last: last?.segment,
    snapshot,
  };
}

/** Where in a segment the scan begins. */
function startOfScan({ number }: Segment, snapshot: LoadedSnapshot | undefined): number {
  if (snapshot === undefined || number > snapshot.place.segment) return SEGMENT_HEADER;
  return number === snapshot.place.segment ? snapshot.place.offset : Number.POSITIVE_INFINITY;
}

/** The segment files of all lanes, in no order, none opened yet. */
export async function listSegments(journal: Journal): Promise<Segment[]> {
  const { port, dir } = journal.options;
  const segments: Segment[] = [];
  for (const folder of await port.list(dir)) {
    const lane = LANE_FOLDER.exec(folder);
    if (lane === null) continue;
    for (const file of await port.list(join(dir, folder))) {
      const number = /^(\d{10})\.seg$/.exec(file);
      if (number === null) continue;
      const path = join(dir, folder, file);
      segments.push(new Segment(Number(lane[1]), Number(number[1]), path, 0));
    }
  }
  return segments;
}

/** All segments, oldest first, each with its header read. */
async function openSegments(journal: Journal, writable: boolean): Promise<Found[]> {
  const found: Found[] = [];
  try {
    const segments = await listSegments(journal);
    for (const bare of segments.toSorted((a, b) => b.number - a.number)) {
      const isLast = found.length === 0;
      const one = await openSegment(journal, bare, isLast && writable);
      if (one.header === undefined && isLast && one.length <= SEGMENT_HEADER) {
        // Its creation was cut short: a block is written only once the header is durable.
        await journal.options.port.close(one.segment.descriptor);
        if (writable) await journal.options.port.remove(bare.path);
        continue;
      }
      found.unshift(one);
      if (one.header !== undefined) continue;
      if (journal.options.salvage === undefined) {
        throw corruptSegment(bare, 0, "The header of a segment is damaged");
      }
      one.segment.damaged = true;
    }
  } catch (error) {
    for (const { segment } of found) journal.descriptors.adopt(segment);
    throw error;
  }
  return found;
}

export async function openSegment(journal: Journal, bare: Segment, write: boolean): Promise<Found> {
  const { port } = journal.options;
  const descriptor = await port.open(bare.path, write ? "write" : "read");
  try {
    return await readSegmentStart(journal, bare, descriptor);
  } catch (error) {
    await port.close(descriptor);
    throw error;
  }
}

async function readSegmentStart(
  journal: Journal,
  bare: Segment,
  descriptor: number,
): Promise<Found> {
  const { port } = journal.options;
  const length = await port.size(descriptor);
  const bytes = new Uint8Array(SEGMENT_HEADER);
  const reader = new SegmentReader(port, descriptor, length, SEGMENT_HEADER + 4);
  const at = await reader.load(0, SEGMENT_HEADER);
  if (at >= 0) bytes.set(reader.bytes.subarray(at, at + SEGMENT_HEADER));
  const header = readSegmentHeader(bytes);
  if (header !== undefined && header.version > FORMAT_VERSION) {
    throw new QueueError(
      "FOLDER_UNSUITABLE",
      `${bare.path} has format ${header.version}; this version reads up to ${FORMAT_VERSION}. Use a newer one`,
      { details: { path: bare.path, version: header.version } },
    );
  }
  const segment = new Segment(bare.lane, bare.number, bare.path, header?.salt ?? 0);
  segment.descriptor = descriptor;
  if (header === undefined) {
    const salt = await saltOfFirstBlock(reader);
    const guessed = new Segment(bare.lane, bare.number, bare.path, salt);
    guessed.descriptor = descriptor;
    return { segment: guessed, header, length };
  }
  if (header.number !== segment.number || (journal.store !== 0 && header.store !== journal.store)) {
    throw corruptSegment(segment, 0, "A file of another folder stands among the segments");
  }
  segment.size = SEGMENT_HEADER;
  segment.previous = header.previous;
  segment.previousLength = header.previousLength;
  journal.store = header.store;
  journal.nextQueue = Math.max(journal.nextQueue, header.nextQueue);
  return { segment, header, length };
}

/** What the salt must be if a block begins right after the header. */
async function saltOfFirstBlock(reader: SegmentReader): Promise<number> {
  const at = await reader.load(SEGMENT_HEADER, 4);
  return at < 0 ? 0 : saltOfBlock(reader.view.getUint32(at, true));
}

async function scanSegment(
  journal: Journal,
  { segment, header, length }: Found,
  counted: number | undefined,
  isLast: boolean,
  writable: boolean,
  from: number,
): Promise<void> {
  const { port } = journal.options;
  const limit = Math.min(length, counted ?? length);
  segment.cut = limit < length;
  const salvages = journal.options.salvage !== undefined;
  if (counted !== undefined && length < counted) {
    segment.damaged = true;
    if (!salvages)
      throw corruptSegment(segment, length, `A segment has ${length} of its ${counted} bytes`);
  }
  const reader = new SegmentReader(port, segment.descriptor, limit);
  let offset = Math.min(from, limit);
  while (offset < limit) {
    const found = await readBlock(reader, segment.salt, offset);
    const block = found?.block;
    if (block === undefined) {
      // Without the header, or behind damage, nothing can be told of what stands there: none of it is cut off.
      const mayBeTorn = isLast && header !== undefined && !segment.damaged;
      if (mayBeTorn && !(await wasDurable(reader, segment, offset))) break;
      if (!salvages) throw await damage(journal, reader, segment, offset);
      offset = await salvageStretch(journal, reader, segment, offset);
      continue;
    }
    replayBlock(
      journal,
      segment,
      reader.bytes,
      reader.view,
      block.at,
      block.end,
      offset + BLOCK_HEADER,
    );
    offset += BLOCK_HEADER + block.header.bodyLength;
  }
  segment.size = offset;
  segment.durable = offset;
  if (isLast && writable && offset < length) await port.truncate(segment.descriptor, offset);
  if (!isLast) journal.descriptors.adopt(segment);
}

/**
 * What is invalid at `offset`: bytes that a crash tore while they were being written, or damage to bytes
 * that were durable? The header of a block after it tells, by how much was durable when that was written.
 */
async function wasDurable(
  reader: SegmentReader,
  segment: Segment,
  offset: number,
): Promise<boolean> {
  let from = offset;
  for (;;) {
    const next = await findBlock(reader, segment.salt, from);
    if (next === undefined) return false;
    if (next.header.durable > offset) return true;
    from = next.offset;
  }
}

/** The error for damage, with the queue it concerns as far as the bytes still tell. */
async function damage(
  journal: Journal,
  reader: SegmentReader,
  segment: Segment,
  offset: number,
): Promise<QueueError> {
  const next = await findBlock(reader, segment.salt, offset);
  const end = Math.min(next?.offset ?? reader.limit, offset + (2 << 20));
  const at = await reader.load(offset, end - offset);
  const body = at + BLOCK_HEADER;
  const last = at + end - offset;
  if (at < 0 || body >= last) {
    return corruptSegment(segment, offset, "A block is damaged");
  }
  const intact = intactRecords(reader.bytes, reader.view, body, last, segment.salt);
  // The first record that is not intact begins where the intact ones before it end.
  let bad = body;
  for (const record of intact) {
    if (record.at !== bad) break;
    bad += record.length;
  }
  const known = bad + 24 <= last ? bad : (intact[0]?.at ?? body);
  const named = [known, intact[0]?.at ?? known]
    .map((place) => ({
      queue: journal.byNumber.get(recordQueue(reader.view, place))?.name,
      sequence: recordSequence(reader.view, place),
    }))
    .find(({ queue }) => queue !== undefined && queue !== "");
  const place = bad + 24 <= last ? offset + (bad - at) : offset;
  return corruptSegment(segment, place, "A block is damaged", named);
}

/**
 * Bytes that a dead process wrote may not be on the disk yet; nor may the entries of its segments, and that
 * those of deleted ones are gone. Folders of lanes are durable before anything is written there.
 */
async function makeDurable(journal: Journal, last: Segment): Promise<void> {
  const { port, dir } = journal.options;
  await port.sync(last.descriptor);
  for (const folder of await port.list(dir)) {
    if (LANE_FOLDER.test(folder)) await port.syncFolder(join(dir, folder));
  }
}

/** A folder without segments gets its number now. */
export function newStoreNumber(): number {
  return randomBytes(4).readUInt32LE() || 1;
}
