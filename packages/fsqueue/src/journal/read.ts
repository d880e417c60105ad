import { offsetInvalid, offsetTrimmed } from "../store-errors.ts";
import type {
  CopyResult,
  Ending,
  Offset,
  Position,
  ReadOptions,
  ReadResult,
  StoredMessage,
  WaitSignal,
} from "../store.ts";
import { copyMessages } from "./copy.ts";
import { fetchMessages } from "./fetch.ts";
import type { Journal } from "./journal.ts";
import { formatOffset, parseOffset } from "./offset.ts";
import type { QueueState } from "./queue-state.ts";
import type { Scratch } from "./scratch.ts";

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
  const max = options?.max ?? MOST_MESSAGES;
  const maxBytes = options?.maxBytes ?? MOST_BYTES;
  const { end, messages, complete } = fetchMessages(
    journal,
    queue,
    start,
    queue.tail,
    max,
    maxBytes,
  );
  const atEnd = end === queue.tail;
  const result: ReadResult = { messages, next: formatOffset(end), atEnd };
  if (atEnd && queue.ended && queue.ending !== undefined) {
    (result as { ending?: Ending }).ending = queue.ending;
  }
  return complete === undefined ? result : complete().then((all) => ({ ...result, messages: all }));
}

/** The payloads alone, copied; see {@link copyMessages}. */
export function readInto(
  journal: Journal,
  name: string,
  from: Position,
  into: {
    readonly target: Uint8Array | number;
    readonly separator?: number;
    readonly upTo?: Offset;
  },
  scratch: Scratch,
): Promise<CopyResult> {
  const queue = journal.find(name);
  const start = sequenceOf(queue, from);
  const { target, separator, upTo } = into;
  const tail = upTo === undefined ? queue.tail : Math.min(queue.tail, knownSequence(queue, upTo));
  const copied = copyMessages(journal, queue, { start, tail }, { target, separator }, scratch);
  const { bytes, messages, end, complete } = copied;
  const atEnd = end === queue.tail;
  const result: CopyResult = { bytes, messages, next: formatOffset(end), atEnd };
  if (atEnd && queue.ended && queue.ending !== undefined) {
    (result as { ending?: Ending }).ending = queue.ending;
  }
  return complete === undefined ? Promise.resolve(result) : complete().then(() => result);
}

/** One message; undefined if it is there no more. */
export async function fetchOne(
  journal: Journal,
  queue: QueueState,
  sequence: number,
): Promise<StoredMessage | undefined> {
  const found = fetchMessages(journal, queue, sequence, sequence + 1, 1, 1);
  const [message] = found.complete === undefined ? found.messages : await found.complete();
  return message;
}

/** Whether there is something to read after this offset; if not, a promise of the next change. */
export function wait(
  journal: Journal,
  name: string,
  after: Offset,
  signal: WaitSignal | undefined,
): Promise<void> {
  // Not `async`: the frame would be a fifth of what an idle reader weighs.
  try {
    if (signal?.aborted === true) throw signal.reason;
    const queue = journal.find(name, false);
    const sequence = knownSequence(queue, after);
    if (sequence < queue.tail || queue.ended) return Promise.resolve();
    return queue.wait(signal);
  } catch (error) {
    return Promise.reject(error);
  }
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
