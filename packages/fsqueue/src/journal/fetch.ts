import type { StoredMessage } from "../store.ts";
import { type ColdReader, type Stretch, readCold } from "./cold.ts";
import type { Journal } from "./journal.ts";
import { RECORD_HEADER, recordTime } from "./layout.ts";
import type { Run } from "./message-index.ts";
import { formatOffset } from "./offset.ts";
import type { QueueState } from "./queue-state.ts";
import type { Chunk, Segment } from "./segment.ts";
import { visitRuns } from "./visit-runs.ts";

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
  /** What is not in memory. */
  readonly cold: Stretch[] = [];
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

  visit(owner: QueueState, run: Run, from: number, to: number): boolean {
    gather(owner, run, from, to, this);
    return !this.full;
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
  visitRuns(queue, start, tail, gathering);
  const end = gathering.full ? gathering.end : tail;
  const { messages, cold } = gathering;
  const complete =
    cold.length === 0
      ? undefined
      : () => readCold(journal, cold, new MessageReader(messages)).then(() => messages);
  return { end, messages, complete };
}

/** Give what is in memory; note what is not. */
function gather(owner: QueueState, run: Run, from: number, to: number, gathering: Gathering): void {
  const { messages, max, maxBytes } = gathering;
  const { segment, table } = run;
  let chunk: Chunk | undefined;
  let sequence = from;
  // What stands before all that is in memory is noted in one go.
  const hotFrom = segment.hot[0]?.fileStart ?? Number.POSITIVE_INFINITY;
  const first = (run.skip + from - run.first) * 2;
  if (table[first]! < hotFrom) {
    const slot = messages.length;
    let entry = first;
    while (sequence < to && table[entry]! < hotFrom) {
      messages.push(pending);
      gathering.bytes += table[entry + 1]!;
      sequence += 1;
      entry += 2;
      if (messages.length >= max || gathering.bytes >= maxBytes) break;
    }
    const places = table.subarray(first, entry);
    gathering.cold.push({ owner, segment, first: from, slot, places });
    gathering.end = sequence;
    if (gathering.full) return;
  }
  for (; sequence < to; sequence += 1) {
    const entry = (run.skip + sequence - run.first) * 2;
    const offset = table[entry]!;
    const length = table[entry + 1]!;
    if (chunk === undefined || offset < chunk.fileStart || offset >= chunk.fileStart + chunk.used) {
      chunk = segment.chunkAt(offset);
    }
    if (chunk === undefined) {
      const places = table.subarray(entry, entry + 2);
      gathering.cold.push({ owner, segment, first: sequence, slot: messages.length, places });
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

/** Stands where a message is yet to be read. */
const pending: StoredMessage = Object.freeze({ offset: "", data: new Uint8Array(), time: 0 });

/** Messages as views into what is read. */
class MessageReader implements ColdReader {
  readonly largestSpan: number = 1 << 20;
  readonly parallel: number = 4;
  readonly #messages: StoredMessage[];

  constructor(messages: StoredMessage[]) {
    this.#messages = messages;
  }

  /** Memory of its own: whoever keeps a message keeps this, and nothing else. */
  buffer(length: number): Uint8Array {
    const { buffer } = Buffer.allocUnsafeSlow(length);
    return new Uint8Array(buffer);
  }

  take(
    { first, slot }: Stretch,
    entry: number,
    _before: number,
    view: DataView,
    at: number,
    length: number,
  ): void {
    this.#messages[slot + entry] = {
      offset: formatOffset(first + entry + 1),
      data: new Uint8Array(view.buffer, at + RECORD_HEADER, length),
      time: recordTime(view, at),
    };
  }

  done(): void {}
}

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
