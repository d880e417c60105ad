import type { QueueState } from "./queue-state.ts";
import { encodeState } from "./state-record.ts";
import {
  ENTRY_EAGER,
  ENTRY_WORDS,
  Entry,
  RUN_WORDS,
  hashOfName,
  padded,
} from "./snapshot-layout.ts";

/** A place in the log. */
export interface LogPlace {
  readonly segment: number;
  readonly offset: number;
}

/** Entries of a snapshot on their way to the file. */
export class EntryBuffer {
  bytes: Uint8Array = new Uint8Array(new ArrayBuffer(256 << 10));
  #words: Uint32Array = new Uint32Array(this.bytes.buffer);
  used = 0;

  /** Add a queue as it is now: with all that stands in the log before `covered`. */
  add(queue: QueueState, covered: LogPlace): void {
    const state = encodeState(queue);
    const { runs } = queue.index;
    let words = ENTRY_WORDS + padded(state.length) / 4;
    for (const run of runs) words += RUN_WORDS + run.count * 2;
    const start = this.#reserve(words * 4) / 4;
    const table = this.#words;
    table[start + Entry.length] = words * 4;
    table[start + Entry.number] = queue.number;
    table[start + Entry.flags] = isEager(queue) ? ENTRY_EAGER : 0;
    table[start + Entry.hash] = hashOfName(queue.name);
    table[start + Entry.coveredSegment] = covered.segment;
    table[start + Entry.coveredOffset] = covered.offset;
    table[start + Entry.firstSegment] = queue.firstSegment;
    table[start + Entry.anchor] = queue.anchor;
    table[start + Entry.lastSegment] = queue.lastSegment;
    writeLong(table, start + Entry.count, queue.count);
    writeLong(table, start + Entry.bytes, queue.bytes);
    table[start + Entry.stateLength] = state.length;
    table[start + Entry.runs] = runs.length;
    let at = start + ENTRY_WORDS;
    table[at + padded(state.length) / 4 - 1] = 0;
    this.bytes.set(state, at * 4);
    at += padded(state.length) / 4;
    for (const run of runs) {
      writeLong(table, at, run.first);
      table[at + 2] = run.count;
      table[at + 3] = run.segment.number;
      at += RUN_WORDS;
      table.set(run.table.subarray(run.skip * 2, (run.skip + run.count) * 2), at);
      at += run.count * 2;
    }
  }

  /** Add an entry as it stands in an earlier snapshot. */
  copy(entry: Uint8Array): void {
    this.bytes.set(entry, this.#reserve(entry.length));
  }

  #reserve(length: number): number {
    const start = this.used;
    this.used += length;
    if (this.used > this.bytes.length) {
      const larger = new Uint8Array(new ArrayBuffer(padded(this.used * 2)));
      larger.set(this.bytes.subarray(0, start));
      this.bytes = larger;
      this.#words = new Uint32Array(larger.buffer);
    }
    return start;
  }
}

/** Whether something but its name leads to the queue: a deadline, its origin, the question for orphans. */
function isEager(queue: QueueState): boolean {
  const { settings } = queue;
  return (
    settings.ttlMs !== undefined ||
    settings.expiresAt !== undefined ||
    settings.fork !== undefined ||
    queue.removed ||
    queue.removing ||
    (settings.owned && queue.ending === undefined)
  );
}

function writeLong(table: Uint32Array, at: number, value: number): void {
  table[at] = value >>> 0;
  table[at + 1] = Math.floor(value / 2 ** 32);
}
