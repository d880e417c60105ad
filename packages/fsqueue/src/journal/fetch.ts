import type { StoredMessage } from "../store.ts";
import { corruptRecord } from "./corrupt.ts";
import type { Journal } from "./journal.ts";
import {
  RECORD_HEADER,
  RecordType,
  recordIntact,
  recordLength,
  recordQueue,
  recordSequence,
  recordTime,
  recordType,
  viewOf,
} from "./layout.ts";
import { formatOffset } from "./offset.ts";
import type { QueueState } from "./queue-state.ts";
import { readFully } from "./read-fully.ts";
import type { Chunk, Segment } from "./segment.ts";

/**
 * Two records that stand further apart are read by two calls. Reading what lies between costs about 0.1 ns
 * a byte, a call of its own about 10 µs.
 */
const LARGEST_GAP = 32 << 10;
/** One call reads no more than this, unless one record is larger. */
const LARGEST_SPAN = 1 << 20;
/** Calls under way at once. */
const PARALLEL = 4;

/** A message that is not in memory. */
interface Cold {
  /** Its place in the result. */
  readonly slot: number;
  readonly queue: QueueState;
  readonly sequence: number;
  readonly segment: Segment;
  readonly offset: number;
  readonly length: number;
}

/** What a read found, and the sequence to read on from. */
export interface Fetched {
  readonly end: number;
  /** All of them; those that are not in memory are blank until `complete` has read them. */
  readonly messages: StoredMessage[];
  /** Present when some are not in memory. To be called at once, before anything else happens. */
  readonly complete: (() => Promise<StoredMessage[]>) | undefined;
}

/** A read being gathered. */
class Gathering {
  readonly messages: StoredMessage[] = [];
  readonly cold: Cold[] = [];
  readonly max: number;
  readonly maxBytes: number;
  bytes = 0;
  end: number;

  constructor(start: number, max: number, maxBytes: number) {
    this.end = start;
    this.max = max;
    this.maxBytes = maxBytes;
  }

  get full(): boolean {
    return this.messages.length >= this.max || this.bytes >= this.maxBytes;
  }
}

/**
 * The messages of a queue from `start` on, before `tail`: until there are `max`, or their payloads reach
 * `maxBytes`. Those in memory as they are; the others with as few reads as their density in the segments
 * allows, each checked against its checksum. All places are looked up before the call returns.
 */
export function fetchMessages(
  journal: Journal,
  queue: QueueState,
  start: number,
  tail: number,
  max: number,
  maxBytes: number,
): Fetched {
  const gathering = new Gathering(start, max, maxBytes);
  if (start < tail) gatherAll(queue, start, tail, gathering);
  const end = gathering.full ? gathering.end : tail;
  const { messages, cold } = gathering;
  const complete = cold.length === 0 ? undefined : () => fetchCold(journal, cold, messages);
  return { end, messages, complete };
}

/** A fork's first messages stand with its origin, and so on. */
function gatherAll(queue: QueueState, start: number, tail: number, gathering: Gathering): void {
  const { ownFrom, parent } = queue;
  if (parent !== undefined && start < ownFrom) {
    gatherAll(parent, start, Math.min(ownFrom, tail), gathering);
    if (gathering.full) return;
  }
  gather(queue, Math.max(start, ownFrom), tail, gathering);
}

/** Give what is in memory; note what is not. */
function gather(owner: QueueState, from: number, to: number, gathering: Gathering): void {
  const { runs } = owner.index;
  const { messages, cold, max, maxBytes } = gathering;
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
      if (
        chunk === undefined ||
        chunk.segment !== segment ||
        offset < chunk.fileStart ||
        offset >= chunk.fileStart + chunk.used
      ) {
        chunk = segment.chunkAt(offset);
      }
      if (chunk === undefined) {
        cold.push({ slot: messages.length, queue: owner, sequence, segment, offset, length });
        messages.push(pending);
      } else {
        const place = offset - chunk.fileStart;
        messages.push({
          offset: formatOffset(sequence + 1),
          data: chunk.payload(place + RECORD_HEADER, length),
          time: recordTime(chunk.view, place),
        });
      }
      gathering.bytes += length;
      gathering.end = sequence + 1;
      if (messages.length >= max || gathering.bytes >= maxBytes) return;
    }
  }
}

/** Stands where a message is yet to be read. */
const pending: StoredMessage = Object.freeze({ offset: "", data: new Uint8Array(), time: 0 });

/** A message as its record has it. */
export interface RecordedMessage {
  readonly sequence: number;
  readonly data: Uint8Array;
  readonly time: number;
}

/** The own messages of a queue that stand in one segment, of `[from, to)`, up to `bytes` or one. */
export async function readRecords(
  journal: Journal,
  queue: QueueState,
  from: number,
  to: number,
  segment: Segment,
  bytes: number,
): Promise<RecordedMessage[]> {
  const run = queue.index.find(from);
  if (run === undefined || run.segment !== segment) return [];
  const end = Math.min(to, run.first + run.count);
  const found = fetchMessages(journal, queue, from, end, Number.POSITIVE_INFINITY, bytes);
  const messages = found.complete === undefined ? found.messages : await found.complete();
  return messages.map(({ data, time }, at) => ({ sequence: from + at, data, time }));
}

async function fetchCold(
  journal: Journal,
  cold: readonly Cold[],
  messages: StoredMessage[],
): Promise<StoredMessage[]> {
  const spans = spansOf(cold.toSorted(byPlace));
  let next = 0;
  const work = async (): Promise<void> => {
    for (let span = spans[next++]; span !== undefined; span = spans[next++]) {
      await readSpan(journal, span, messages);
    }
  };
  // Hold on to all segments at once: retention must not unlink one before its turn.
  const held = [...new Set(cold.map((one) => one.segment))];
  for (const segment of held) segment.readers += 1;
  try {
    await Promise.all(Array.from({ length: Math.min(PARALLEL, spans.length) }, work));
  } finally {
    for (const segment of held) journal.descriptors.release(segment);
  }
  return messages;
}

function byPlace(left: Cold, right: Cold): number {
  return left.segment === right.segment
    ? left.offset - right.offset
    : left.segment.number - right.segment.number;
}

/** Group neighbours, in the order of the files. */
function spansOf(cold: readonly Cold[]): Cold[][] {
  const spans: Cold[][] = [];
  let span: Cold[] = [];
  let end = 0;
  for (const one of cold) {
    const first = span[0];
    const oneEnd = one.offset + RECORD_HEADER + one.length;
    if (
      first === undefined ||
      first.segment !== one.segment ||
      one.offset - end > LARGEST_GAP ||
      oneEnd - first.offset > LARGEST_SPAN
    ) {
      span = [];
      spans.push(span);
    }
    span.push(one);
    end = oneEnd;
  }
  return spans;
}

async function readSpan(
  journal: Journal,
  span: readonly Cold[],
  messages: StoredMessage[],
): Promise<void> {
  const { segment, offset: start } = span[0]!;
  const last = span.at(-1)!;
  const length = last.offset + RECORD_HEADER + last.length - start;
  const bytes = new Uint8Array(new ArrayBuffer(length));
  await readFully(journal, segment, bytes, start);
  const view = viewOf(bytes);
  for (const one of span) {
    const at = one.offset - start;
    const total = RECORD_HEADER + one.length;
    if (
      recordLength(view, at) !== total ||
      !recordIntact(bytes, view, at, total, segment.salt) ||
      recordType(view, at) !== RecordType.data ||
      recordQueue(view, at) !== one.queue.number ||
      recordSequence(view, at) !== one.sequence
    ) {
      throw corruptRecord(segment, one.offset, one.queue.name, one.sequence);
    }
    messages[one.slot] = {
      offset: formatOffset(one.sequence + 1),
      data: bytes.subarray(at + RECORD_HEADER, at + total),
      time: recordTime(view, at),
    };
  }
}
