import { corruptRecord } from "./corrupt.ts";
import type { Journal } from "./journal.ts";
import {
  RECORD_HEADER,
  RecordType,
  recordIntact,
  recordLength,
  recordQueue,
  recordSequence,
  recordType,
  viewOf,
} from "./layout.ts";
import { readFully } from "./read-fully.ts";
import type { QueueState } from "./queue-state.ts";
import type { Chunk, Segment } from "./segment.ts";

/** A span is read into a buffer of this size, which is used again. */
const SCRATCH = 128 << 10;
/** As in a read of messages: what lies between two records is read with them up to this. */
const LARGEST_GAP = 32 << 10;
const MOST_SCRATCH = 16;

/** Records of one queue that are read with one call. */
interface Span {
  readonly owner: QueueState;
  readonly segment: Segment;
  readonly start: number;
  end: number;
  /** Of each record: its offset, the length of its payload, its sequence, its place in the target. */
  readonly records: number[];
}

/** What was copied. */
export interface Copied {
  readonly bytes: number;
  readonly messages: number;
  /** The sequence to copy on from. */
  readonly end: number;
  /** Present when some are not in memory. To be called at once, before anything else happens. */
  readonly complete: (() => Promise<void>) | undefined;
}

/** Buffers for {@link copyMessages}. */
export type Scratch = Uint8Array[];

/** A copy being made. */
class Copying {
  /** Undefined: nothing is copied, only measured. */
  readonly target: Uint8Array | undefined;
  readonly room: number;
  readonly separator: number | undefined;
  readonly spans: Span[] = [];
  bytes = 0;
  messages = 0;
  full = false;
  end: number;

  constructor(target: Uint8Array | number, separator: number | undefined, start: number) {
    this.target = typeof target === "number" ? undefined : target;
    this.room = typeof target === "number" ? target : target.length;
    this.separator = separator;
    this.end = start;
  }

  /** Room for a payload and the separator before it; undefined, and full, if there is none. */
  place(length: number): number | undefined {
    const apart = this.separator !== undefined && this.messages > 0;
    const at = apart ? this.bytes + 1 : this.bytes;
    if (at + length > this.room) {
      this.full = true;
      return undefined;
    }
    if (apart && this.target !== undefined) this.target[this.bytes] = this.separator!;
    this.bytes = at + length;
    this.messages += 1;
    return at;
  }
}

/**
 * Copy the payloads of the messages in `[start, tail)` into `target`, as many whole ones as fit. An object
 * for each message costs more than its bytes, and keeps the garbage collector busy: here is none.
 */
export function copyMessages(
  journal: Journal,
  queue: QueueState,
  range: { readonly start: number; readonly tail: number },
  into: { readonly target: Uint8Array | number; readonly separator: number | undefined },
  scratch: Scratch,
): Copied {
  const { start, tail } = range;
  const copying = new Copying(into.target, into.separator, start);
  if (start < tail) copyAll(queue, start, tail, copying);
  const { bytes, messages, spans } = copying;
  return {
    bytes,
    messages,
    end: copying.full ? copying.end : Math.max(start, tail),
    complete: spans.length === 0 ? undefined : () => copyCold(journal, copying, scratch),
  };
}

/** A fork's first messages stand with its origin, and so on. */
function copyAll(queue: QueueState, start: number, tail: number, copying: Copying): void {
  const { ownFrom, parent } = queue;
  if (parent !== undefined && start < ownFrom) {
    copyAll(parent, start, Math.min(ownFrom, tail), copying);
    if (copying.full) return;
  }
  copyOwn(queue, Math.max(start, ownFrom), tail, copying);
}

/** Copy what is in memory; note what is not. */
function copyOwn(owner: QueueState, from: number, to: number, copying: Copying): void {
  const { runs } = owner.index;
  const { target } = copying;
  let chunk: Chunk | undefined;
  for (let at = owner.index.position(from); at < runs.length; at += 1) {
    const run = runs[at]!;
    if (run.first >= to) return;
    const { segment, table } = run;
    const last = Math.min(to, run.first + run.count);
    for (let sequence = Math.max(from, run.first); sequence < last; sequence += 1) {
      const entry = (run.skip + sequence - run.first) * 2;
      const offset = table[entry]!;
      const length = table[entry + 1]!;
      const place = copying.place(length);
      if (place === undefined) return;
      copying.end = sequence + 1;
      if (target === undefined) continue;
      if (
        chunk === undefined ||
        chunk.segment !== segment ||
        offset < chunk.fileStart ||
        offset >= chunk.fileStart + chunk.used
      ) {
        chunk = segment.chunkAt(offset);
      }
      if (chunk === undefined) {
        note(copying.spans, owner, segment, offset, length).push(offset, length, sequence, place);
      } else {
        const payload = offset - chunk.fileStart + RECORD_HEADER;
        target.set(chunk.bytes.subarray(payload, payload + length), place);
      }
    }
  }
}

/** The records of the span this one belongs to: the last, if it is near enough, or a new one. */
function note(
  spans: Span[],
  owner: QueueState,
  segment: Segment,
  offset: number,
  length: number,
): number[] {
  const end = offset + RECORD_HEADER + length;
  const last = spans.at(-1);
  if (
    last !== undefined &&
    last.owner === owner &&
    last.segment === segment &&
    offset >= last.end &&
    offset - last.end <= LARGEST_GAP &&
    end - last.start <= SCRATCH
  ) {
    last.end = end;
    return last.records;
  }
  const span: Span = { owner, segment, start: offset, end, records: [] };
  spans.push(span);
  return span.records;
}

async function copyCold(journal: Journal, copying: Copying, scratch: Scratch): Promise<void> {
  // Hold on to all segments at once: retention must not unlink one before its turn.
  const held = [...new Set(copying.spans.map((span) => span.segment))];
  for (const segment of held) segment.readers += 1;
  try {
    for (const span of copying.spans) await copySpan(journal, span, copying.target!, scratch);
  } finally {
    for (const segment of held) journal.descriptors.release(segment);
  }
}

async function copySpan(
  journal: Journal,
  span: Span,
  target: Uint8Array,
  scratch: Scratch,
): Promise<void> {
  const length = span.end - span.start;
  const whole = length <= SCRATCH ? (scratch.pop() ?? buffer(SCRATCH)) : buffer(length);
  try {
    const bytes = whole.subarray(0, length);
    const read = await readFully(journal, span.segment, bytes, span.start);
    bytes.fill(0, read);
    takeRecords(span, bytes, target);
  } finally {
    if (whole.length === SCRATCH && scratch.length < MOST_SCRATCH) scratch.push(whole);
  }
}

function takeRecords(
  { owner, segment, start, records }: Span,
  bytes: Uint8Array,
  target: Uint8Array,
) {
  const view = viewOf(bytes);
  for (let record = 0; record < records.length; record += 4) {
    const offset = records[record]!;
    const length = records[record + 1]!;
    const sequence = records[record + 2]!;
    const at = offset - start;
    const total = RECORD_HEADER + length;
    if (
      recordLength(view, at) !== total ||
      !recordIntact(bytes, view, at, total, segment.salt) ||
      recordType(view, at) !== RecordType.data ||
      recordQueue(view, at) !== owner.number ||
      recordSequence(view, at) !== sequence
    ) {
      throw corruptRecord(segment, offset, owner.name, sequence);
    }
    target.set(bytes.subarray(at + RECORD_HEADER, at + total), records[record + 3]);
  }
}

function buffer(length: number): Uint8Array {
  return new Uint8Array(new ArrayBuffer(length));
}
