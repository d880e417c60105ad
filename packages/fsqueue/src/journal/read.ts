import { offsetInvalid, offsetTrimmed } from "../store-errors.ts";
import type { Offset, Position, ReadOptions, ReadResult, StoredMessage } from "../store.ts";
import { fetchMessages } from "./fetch.ts";
import type { Journal } from "./journal.ts";
import { formatOffset, parseOffset } from "./offset.ts";
import type { QueueState } from "./queue-state.ts";

const MOST_MESSAGES = 1000;
const MOST_BYTES = 1 << 20;

export function read(
  journal: Journal,
  name: string,
  from: Position,
  options: ReadOptions | undefined,
): ReadResult | Promise<ReadResult> {
  const queue = journal.find(name);
  const start = sequenceOf(queue, from);
  const end = limit(queue, start, options?.max ?? MOST_MESSAGES, options?.maxBytes ?? MOST_BYTES);
  const { tail } = queue;
  const ending = end === tail && queue.ended ? queue.ending : undefined;
  const found = fetch(journal, queue, start, end);
  const next = formatOffset(end);
  const atEnd = end === tail;
  const result = (messages: readonly StoredMessage[]): ReadResult =>
    ending === undefined ? { messages, next, atEnd } : { messages, next, atEnd, ending };
  return Array.isArray(found) ? result(found) : found.then(result);
}

export function fetch(
  journal: Journal,
  queue: QueueState,
  start: number,
  end: number,
): StoredMessage[] | Promise<StoredMessage[]> {
  return start === end
    ? []
    : fetchMessages(journal.options.port, journal.descriptors, queue, start, end);
}

/** Whether there is something to read after this offset; if not, a promise of the next change. */
export async function wait(
  journal: Journal,
  name: string,
  after: Offset,
  signal: AbortSignal | undefined,
): Promise<void> {
  signal?.throwIfAborted();
  const queue = journal.find(name, false);
  const sequence = knownSequence(queue, after);
  if (sequence < queue.tail || queue.ended) return;
  await queue.waiters.wait(signal);
}

/** The end of a read: after so many messages, or the one with which the bytes are reached. */
function limit(queue: QueueState, start: number, max: number, maxBytes: number): number {
  const most = Math.min(queue.tail, start + max);
  // Whole queues that are smaller need no count.
  if (queue.bytes <= maxBytes) return most;
  let bytes = 0;
  let end = start;
  while (end < most && bytes < maxBytes) {
    bytes += lengthOf(queue, end);
    end += 1;
  }
  return end;
}

function lengthOf(queue: QueueState, sequence: number): number {
  let owner: QueueState | undefined = queue;
  while (owner !== undefined && sequence < owner.ownFrom) owner = owner.parent;
  const run = owner?.index.find(sequence);
  return run === undefined ? 0 : run.table[(run.skip + sequence - run.first) * 2 + 1]!;
}

/** The sequence behind a position; throws for one that cannot be read from. */
export function sequenceOf(queue: QueueState, position: Position): number {
  if (position === "start") return Math.min(queue.head, queue.tail);
  if (position === "now") return queue.tail;
  const sequence = knownSequence(queue, position);
  if (sequence < queue.head) {
    throw offsetTrimmed(queue.name, position, formatOffset(queue.head));
  }
  return sequence;
}

/** The sequence behind an offset, kept or not; throws for one that the queue never gave. */
export function knownSequence(queue: QueueState, offset: Offset): number {
  const sequence = parseOffset(offset);
  if (sequence === undefined || sequence > queue.next) {
    throw offsetInvalid(queue.name, offset, formatOffset(queue.tail));
  }
  return Math.min(sequence, Math.max(queue.tail, queue.head));
}
