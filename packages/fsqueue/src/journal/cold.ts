import { performance } from "node:perf_hooks";
import { corruptRecord } from "./corrupt.ts";
import type { Journal } from "./journal.ts";
import {
  RECORD_HEADER,
  RecordType,
  recordIntact,
  recordQueue,
  recordSequence,
  recordType,
  viewOf,
} from "./layout.ts";
import type { QueueState } from "./queue-state.ts";
import { readFully } from "./read-fully.ts";
import type { Segment } from "./segment.ts";

/**
 * Two records that stand further apart are not read by one call. Reading what lies between costs about
 * 0.1 ns a byte, and a page 3 µs with its call; see {@link LARGEST_SCRAP}.
 */
const LARGEST_GAP = 4 << 10;
/** Neighbours that take no more than this together are read by pages, which are kept for their neighbours. */
const LARGEST_SCRAP = 2 << 10;

/** Messages of one queue that are not in memory: consecutive ones that stand in one segment, in order. */
export interface Stretch {
  readonly owner: QueueState;
  readonly segment: Segment;
  /** The sequence of the first one. */
  readonly first: number;
  /** The place of the first one in the result. */
  readonly slot: number;
  /** Pairs (offset of the record, length of the payload). */
  readonly places: Uint32Array;
}

/** What becomes of the messages of stretches. */
export interface ColdReader {
  /** One call reads no more than this, unless one record is larger. */
  readonly largestSpan: number;
  /** Calls under way at once. */
  readonly parallel: number;
  /** Memory to read into, perhaps after others have given theirs back; what is in it is of no account. */
  buffer(length: number): Uint8Array | Promise<Uint8Array>;
  /**
   * A message, checked: entry `entry` of the stretch, with `before` bytes of payloads in the entries before
   * it. Its record stands at `at`, its payload has `length` bytes.
   */
  take(
    stretch: Stretch,
    entry: number,
    before: number,
    view: DataView,
    at: number,
    length: number,
  ): void;
  /** The buffer is needed no more: all of it has been taken, or something failed. */
  done(bytes: Uint8Array): void;
}

/** Entries `[from, to)` of a stretch that are read into one buffer. */
interface Span {
  readonly stretch: Stretch;
  readonly from: number;
  to: number;
  /** Bytes of payloads in the entries before. */
  readonly before: number;
  /** Bytes of the buffer. */
  bytes: number;
  /** Scattered records are laid one after another; others stand in the buffer as they do in the file. */
  readonly scattered: boolean;
}

/** Read these messages with as few calls as their density in the segments allows, each checked. */
export async function readCold(
  journal: Journal,
  stretches: readonly Stretch[],
  reader: ColdReader,
): Promise<void> {
  const spans: Span[] = [];
  for (const stretch of stretches) spansOf(stretch, reader.largestSpan, spans);
  let next = 0;
  const work = async (): Promise<void> => {
    for (let span = spans[next++]; span !== undefined; span = spans[next++]) {
      // Memory is taken when it is this one's turn: a hundred readers that wait would hold as many buffers.
      const { quickReads } = journal;
      for (let turn = quickReads.turn(); turn !== undefined; turn = quickReads.turn()) await turn;
      const memory = reader.buffer(span.bytes);
      const bytes = memory instanceof Uint8Array ? memory : await memory;
      try {
        const { segment, places } = span.stretch;
        await (span.scattered
          ? readScattered(journal, span, bytes)
          : readFully(journal, segment, bytes, places[span.from * 2]!));
        const began = performance.now();
        takeSpan(span, bytes, reader);
        quickReads.spend(began);
      } finally {
        reader.done(bytes);
      }
    }
  };
  // Hold on to all segments at once: retention must not unlink one before its turn.
  const held = new Set<Segment>();
  for (const { segment } of stretches) held.add(segment);
  for (const segment of held) segment.readers += 1;
  try {
    const workers = [work()];
    while (workers.length < reader.parallel && next < spans.length) workers.push(work());
    await Promise.all(workers);
  } finally {
    for (const segment of held) journal.descriptors.release(segment);
  }
}

/** Group neighbours. */
function spansOf(stretch: Stretch, largest: number, spans: Span[]): void {
  const { places } = stretch;
  let before = 0;
  for (let from = 0; from * 2 < places.length;) {
    const start = places[from * 2]!;
    let end = start + RECORD_HEADER + places[from * 2 + 1]!;
    let payloads = places[from * 2 + 1]!;
    let to = from + 1;
    for (; to * 2 < places.length; to += 1) {
      const offset = places[to * 2]!;
      const length = places[to * 2 + 1]!;
      const oneEnd = offset + RECORD_HEADER + length;
      if (offset - end > LARGEST_GAP || oneEnd - start > largest) break;
      end = oneEnd;
      payloads += length;
    }
    const scattered = end - start <= LARGEST_SCRAP;
    const bytes = scattered ? payloads + (to - from) * RECORD_HEADER : end - start;
    const last = spans.at(-1);
    if (
      scattered &&
      last?.scattered === true &&
      last.stretch === stretch &&
      last.bytes + bytes <= largest
    ) {
      last.to = to;
      last.bytes += bytes;
    } else {
      spans.push({ stretch, from, to, before, bytes, scattered });
    }
    before += payloads;
    from = to;
  }
}

async function readScattered(journal: Journal, span: Span, bytes: Uint8Array): Promise<void> {
  const { segment, places } = span.stretch;
  const { quickReads } = journal;
  let entry = span.from;
  let place = 0;
  const work = async (): Promise<void> => {
    while (entry < span.to) {
      const offset = places[entry * 2]!;
      const at = place;
      place += RECORD_HEADER + places[entry * 2 + 1]!;
      entry += 1;
      const end = place;
      while (!quickReads.copy(journal, segment, offset, bytes, at, end)) {
        const turn = quickReads.turn();
        if (turn === undefined) {
          await readFully(journal, segment, bytes.subarray(at, end), offset);
          break;
        }
        await turn;
      }
    }
  };
  // None of them writes into the buffer any more when this is over, failed or not.
  const ended = await Promise.allSettled([work(), work(), work(), work()]);
  for (const one of ended) if (one.status === "rejected") throw one.reason;
}

/** Check all records of a span and hand them on. */
function takeSpan(span: Span, bytes: Uint8Array, reader: ColdReader): void {
  const { stretch, scattered, from, to } = span;
  const { owner, segment, first, places } = stretch;
  const { salt } = segment;
  const { number } = owner;
  const start = places[from * 2]!;
  const view = viewOf(bytes);
  let { before } = span;
  let place = 0;
  for (let entry = from; entry < to; entry += 1) {
    const offset = places[entry * 2]!;
    const length = places[entry * 2 + 1]!;
    const at = scattered ? place : offset - start;
    const total = RECORD_HEADER + length;
    if (
      !recordIntact(bytes, view, at, total, salt) ||
      recordType(view, at) !== RecordType.data ||
      recordQueue(view, at) !== number ||
      recordSequence(view, at) !== first + entry
    ) {
      throw corruptRecord(segment, offset, owner.name, first + entry);
    }
    reader.take(stretch, entry, before, view, at, length);
    before += length;
    place += total;
  }
}
