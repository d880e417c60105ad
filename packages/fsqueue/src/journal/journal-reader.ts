import { offsetInvalid, offsetTrimmed } from "../store-errors.ts";
import type {
  Ending,
  LiveListener,
  LiveReader,
  Offset,
  Position,
  StoredMessage,
} from "../store.ts";
import type { Journal } from "./journal.ts";
import { RECORD_HEADER, recordTime } from "./layout.ts";
import type { Run } from "./message-index.ts";
import { formatOffset } from "./offset.ts";
import type { QueueState } from "./queue-state.ts";
import { knownSequence, sequenceOf } from "./read.ts";

/**
 * Follows a queue in the chunks that are in memory. It holds on to none of them: an idle reader would keep
 * its last one in memory for as long as it waits.
 */
export class JournalReader implements LiveReader {
  readonly #journal: Journal;
  #queue: QueueState;
  readonly #listener: LiveListener;
  /** The sequence of the next message. */
  #sequence: number;
  #run: Run | undefined;
  behind = false;

  constructor(journal: Journal, queue: QueueState, from: Position, listener: LiveListener) {
    this.#journal = journal;
    this.#queue = queue;
    this.#sequence = sequenceOf(queue, from);
    this.#listener = listener;
    queue.addReader(this);
  }

  get offset(): Offset {
    return formatOffset(this.#sequence);
  }

  get ending(): Ending | undefined {
    const queue = this.#queue;
    return queue.ended && this.#sequence === queue.tail ? queue.ending : undefined;
  }

  next(): StoredMessage | undefined {
    const queue = this.#queue;
    this.#journal.use(queue);
    const from = this.#sequence;
    if (from < queue.head) {
      throw offsetTrimmed(queue.name, formatOffset(from), formatOffset(queue.head));
    }
    this.behind = false;
    if (from < queue.tail) return this.#find(queue, from);
    // In another process that had read what the writer could not make durable.
    if (from > queue.next) throw offsetInvalid(queue.name, this.offset, formatOffset(queue.tail));
    return undefined;
  }

  moveTo(offset: Offset): void {
    this.#sequence = knownSequence(this.#queue, offset);
    this.behind = false;
  }

  close(): void {
    this.#queue.removeReader(this);
  }

  /** For the journal: there may be something new. */
  wake(): void {
    this.#listener.changed();
  }

  /** For the journal, which read its folder anew: this is the same queue. */
  adopt(queue: QueueState): void {
    this.#queue = queue;
    this.#run = undefined;
    queue.addReader(this);
  }

  #find(queue: QueueState, from: number): StoredMessage | undefined {
    let run = this.#run;
    if (run === undefined || from < run.first || from >= run.first + run.count) {
      run = this.#runAt(queue, from);
      if (run === undefined) return undefined;
    }
    // Of a queue with a gap the run may begin after it.
    const sequence = Math.max(from, run.first);
    const entry = (run.skip + sequence - run.first) * 2;
    const at = run.table[entry]!;
    const chunk = run.segment.chunkAt(at);
    if (chunk === undefined) {
      this.behind = true;
      return undefined;
    }
    this.#sequence = sequence + 1;
    const place = at - chunk.fileStart;
    return {
      offset: formatOffset(sequence + 1),
      data: chunk.payload(place + RECORD_HEADER, run.table[entry + 1]!),
      time: recordTime(chunk.view, place),
    };
  }

  #runAt(queue: QueueState, from: number): Run | undefined {
    if (from < queue.ownFrom) {
      this.behind = true; // it stands with the queue's origin
      return undefined;
    }
    const { index } = queue;
    const run = index.runs[index.position(from)];
    if (run === undefined || run.first >= queue.tail) {
      this.#sequence = queue.tail; // nothing but a gap is left
      return undefined;
    }
    this.#run = run;
    return run;
  }
}
