import type { StoredMessage } from "../store.ts";
import { corruptRecord } from "./corrupt.ts";
import type { Descriptors } from "./descriptors.ts";
import { storeFailed } from "./failure.ts";
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
import type { FilePort } from "./port.ts";
import type { QueueState } from "./queue-state.ts";
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

/**
 * The messages `[from, to)` of a queue: at once when all are in memory, else with as few reads as their
 * density in the segments allows, each checked against its checksum.
 */
export function fetchMessages(
  port: FilePort,
  descriptors: Descriptors,
  queue: QueueState,
  from: number,
  to: number,
): StoredMessage[] | Promise<StoredMessage[]> {
  const messages: StoredMessage[] = Array.from({ length: to - from });
  const cold: Cold[] = [];
  let end = to;
  for (let owner: QueueState | undefined = queue; owner !== undefined && end > from;) {
    const start = Math.max(from, owner.ownFrom);
    if (start < end) gather(owner, start, end, from, messages, cold);
    end = Math.min(end, owner.ownFrom);
    owner = owner.parent;
  }
  if (cold.length === 0) return withoutGaps(messages);
  return fetchCold(port, descriptors, cold, messages).then(withoutGaps);
}

/** Salvage may have left places empty. */
function withoutGaps(messages: StoredMessage[]): StoredMessage[] {
  return messages.includes(undefined as never)
    ? messages.filter((message) => message !== undefined)
    : messages;
}

/** Fill in what is in memory; note what is not. */
function gather(
  owner: QueueState,
  from: number,
  to: number,
  base: number,
  messages: StoredMessage[],
  cold: Cold[],
): void {
  const { runs } = owner.index;
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
        cold.push({ slot: sequence - base, queue: owner, sequence, segment, offset, length });
        continue;
      }
      const start = offset - chunk.fileStart;
      messages[sequence - base] = {
        offset: formatOffset(sequence + 1),
        data: new Uint8Array(chunk.bytes.buffer, start + RECORD_HEADER, length),
        time: recordTime(chunk.view, start),
      };
    }
  }
}

async function fetchCold(
  port: FilePort,
  descriptors: Descriptors,
  cold: readonly Cold[],
  messages: StoredMessage[],
): Promise<StoredMessage[]> {
  const spans = spansOf(cold.toSorted(byPlace));
  let next = 0;
  const work = async (): Promise<void> => {
    for (let span = spans[next++]; span !== undefined; span = spans[next++]) {
      await readSpan(port, descriptors, span, messages);
    }
  };
  // Hold on to all segments at once: retention must not unlink one before its turn.
  const held = [...new Set(cold.map((one) => one.segment))];
  for (const segment of held) segment.readers += 1;
  try {
    await Promise.all(Array.from({ length: Math.min(PARALLEL, spans.length) }, work));
  } finally {
    for (const segment of held) descriptors.release(segment);
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
  port: FilePort,
  descriptors: Descriptors,
  span: readonly Cold[],
  messages: StoredMessage[],
): Promise<void> {
  const { segment, offset: start } = span[0]!;
  const last = span.at(-1)!;
  const length = last.offset + RECORD_HEADER + last.length - start;
  const bytes = new Uint8Array(new ArrayBuffer(length));
  await readFully(port, descriptors, segment, bytes, start);
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

/** Fill `bytes` from this place in the segment; what lies beyond its end stays zero. */
export async function readFully(
  port: FilePort,
  descriptors: Descriptors,
  segment: Segment,
  bytes: Uint8Array,
  start: number,
): Promise<number> {
  let read = 0;
  try {
    const descriptor = await descriptors.acquire(segment);
    try {
      while (read < bytes.length) {
        const count = await port.read(descriptor, bytes, read, bytes.length - read, start + read);
        if (count === 0) break;
        read += count;
      }
    } finally {
      descriptors.release(segment);
    }
  } catch (cause) {
    throw storeFailed(cause);
  }
  return read;
}
