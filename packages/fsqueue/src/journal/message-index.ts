import { RECORD_HEADER } from "./layout.ts";
import type { Segment } from "./segment.ts";

/**
 * Where the messages of one queue stand: runs of consecutive sequences in one segment, sorted by
 * sequence. Eight bytes a message: the offset of its record in the segment and the length of its payload.
 */
export interface Run {
  /** The sequence of the first message that is kept. */
  first: number;
  /** Messages kept. */
  count: number;
  readonly segment: Segment;
  /** Pairs (offset of the record, length of the payload), from entry `skip` on. */
  table: Uint32Array;
  skip: number;
}

export class MessageIndex {
  /** Invariant: sorted by `first`, never overlapping, none empty. */
  runs: Run[] = [];
  /** The run that was begun last. It is one of `runs` as long as it is not empty. */
  #newest: Run | undefined;

  /** Add the message after the last one. */
  push(sequence: number, segment: Segment, offset: number, length: number): void {
    const last = this.#newest;
    segment.live += length + RECORD_HEADER;
    if (
      last !== undefined &&
      last.segment === segment &&
      last.count > 0 &&
      last.first + last.count === sequence
    ) {
      append(last, offset, length);
      return;
    }
    const run = createRun(sequence, segment, offset, length);
    this.#newest = run;
    // Most queues have one run; an array that has grown has room for 16.
    if (this.runs.length === 0) this.runs = [run];
    else this.runs.push(run);
  }

  /** Record where a message stands now, wherever it stood before. */
  set(sequence: number, segment: Segment, offset: number, length: number): void {
    const end = this.end();
    if (end === undefined || sequence >= end) {
      this.push(sequence, segment, offset, length);
      return;
    }
    this.#cut(sequence);
    segment.live += length + RECORD_HEADER;
    const at = this.#firstAfter(sequence);
    const before = this.runs[at - 1];
    if (
      before !== undefined &&
      before.segment === segment &&
      before.first + before.count === sequence
    ) {
      append(before, offset, length);
      return;
    }
    this.runs.splice(at, 0, createRun(sequence, segment, offset, length));
  }

  /** The position of the first run that reaches this sequence or one after it. */
  position(sequence: number): number {
    const before = this.#firstAfter(sequence) - 1;
    const run = this.runs[before];
    return run !== undefined && sequence < run.first + run.count ? before : before + 1;
  }

  /** The run that holds this sequence. */
  find(sequence: number): Run | undefined {
    const run = this.runs[this.#firstAfter(sequence) - 1];
    return run !== undefined && sequence < run.first + run.count ? run : undefined;
  }

  /** The sequence after the last message. */
  end(): number | undefined {
    const last = this.runs.at(-1);
    return last === undefined ? undefined : last.first + last.count;
  }

  /** Forget the messages before this sequence; returns the bytes of their payload. */
  dropBefore(sequence: number): number {
    let bytes = 0;
    let whole = 0;
    for (const run of this.runs) {
      if (run.first >= sequence) break;
      const count = Math.min(run.count, sequence - run.first);
      bytes += shorten(run, 0, count);
      run.skip += count;
      run.first += count;
      run.count -= count;
      if (run.count > 0) break;
      whole += 1;
    }
    if (whole > 0) this.runs.splice(0, whole);
    return bytes;
  }

  /** Forget the messages from this sequence on. */
  dropFrom(sequence: number): void {
    for (let last = this.runs.at(-1); last !== undefined; last = this.runs.at(-1)) {
      const keep = Math.max(0, sequence - last.first);
      if (keep >= last.count) return;
      shorten(last, keep, last.count - keep);
      last.count = keep;
      if (keep > 0) return;
      this.runs.pop();
    }
  }

  /** Add up the messages of `[from, to)`. */
  measure(from: number, to: number, sum: { count: number; bytes: number }): void {
    const { runs } = this;
    for (let at = this.position(from); at < runs.length; at += 1) {
      const run = runs[at]!;
      if (run.first >= to) return;
      const start = Math.max(from, run.first);
      const end = Math.min(to, run.first + run.count);
      sum.count += end - start;
      for (let sequence = start; sequence < end; sequence += 1) {
        sum.bytes += run.table[(run.skip + sequence - run.first) * 2 + 1]!;
      }
    }
  }

  /** Where a run that begins after this sequence would be inserted. */
  #firstAfter(sequence: number): number {
    let low = 0;
    let high = this.runs.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.runs[middle]!.first <= sequence) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Take one sequence out, splitting the run it stands in. */
  #cut(sequence: number): void {
    const at = this.#firstAfter(sequence) - 1;
    const run = this.runs[at];
    if (run === undefined || sequence >= run.first + run.count) return;
    const before = sequence - run.first;
    const after = run.count - before - 1;
    shorten(run, before, 1);
    if (before === 0 && after === 0) {
      run.count = 0;
      this.runs.splice(at, 1);
    } else if (before === 0) {
      run.first += 1;
      run.skip += 1;
      run.count -= 1;
    } else {
      run.count = before;
      if (after === 0) return;
      const skip = run.skip + before + 1;
      this.runs.splice(at + 1, 0, {
        first: sequence + 1,
        count: after,
        segment: run.segment,
        table: run.table.slice(skip * 2, (skip + after) * 2),
        skip: 0,
      });
    }
  }
}

function createRun(first: number, segment: Segment, offset: number, length: number): Run {
  const table = new Uint32Array(4);
  table[0] = offset;
  table[1] = length;
  return { first, count: 1, segment, table, skip: 0 };
}

function append(run: Run, offset: number, length: number): void {
  const at = (run.skip + run.count) * 2;
  if (at === run.table.length) {
    // What was skipped is given back when the table moves.
    const table = new Uint32Array(Math.max(8, run.count * 4));
    table.set(run.table.subarray(run.skip * 2, at));
    run.table = table;
    run.skip = 0;
    append(run, offset, length);
    return;
  }
  run.table[at] = offset;
  run.table[at + 1] = length;
  run.count += 1;
}

/** Take entries out of the segment's count of live bytes; returns the bytes of their payload. */
function shorten(run: Run, from: number, count: number): number {
  let bytes = 0;
  const end = (run.skip + from + count) * 2;
  for (let at = (run.skip + from) * 2; at < end; at += 2) bytes += run.table[at + 1]!;
  run.segment.live -= bytes + count * RECORD_HEADER;
  return bytes;
}
