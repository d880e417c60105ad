import { QueueState } from "./queue-state.ts";
import type { Segment } from "./segment.ts";
import type { LogPlace } from "./snapshot-entry.ts";
import {
  ENTRY_EAGER,
  ENTRY_WORDS,
  Entry,
  RUN_WORDS,
  SNAPSHOT_HEADER,
  hashOfName,
  padded,
} from "./snapshot-layout.ts";
import { decodeState } from "./state-record.ts";
import { RECORD_HEADER } from "./layout.ts";

/**
 * Queues of a snapshot that nobody has asked for yet. They stay as they stand in the file, since building
 * all of 100,000 costs a fifth of a second: each is built when its name or number is first looked up.
 */
export class Dormant {
  readonly #bytes: Uint8Array;
  readonly #words: Uint32Array;
  readonly #segments: ReadonlyMap<number, Segment>;
  /** Of each entry, in the order of the numbers: where it begins in words. 0 once the queue is built. */
  readonly #places: Uint32Array;
  readonly #numbers: Uint32Array;
  /** Open addressing: one more than the position of an entry, 0 where there is none. */
  readonly #table: Uint32Array;
  size: number;
  /** Numbers of those that must be built at once. */
  readonly eager: number[] = [];

  /** Undefined when the entries are not what a writer makes. Counts their messages as live. */
  static read(
    bytes: Uint8Array,
    count: number,
    end: number,
    segments: ReadonlyMap<number, Segment>,
  ): Dormant | undefined {
    const dormant = new Dormant(bytes, count, segments);
    return dormant.#index(end) ? dormant : undefined;
  }

  private constructor(bytes: Uint8Array, count: number, segments: ReadonlyMap<number, Segment>) {
    this.#bytes = bytes;
    this.#words = new Uint32Array(bytes.buffer, 0, bytes.length >> 2);
    this.#segments = segments;
    this.#places = new Uint32Array(count);
    this.#numbers = new Uint32Array(count);
    this.#table = new Uint32Array(2 ** Math.ceil(Math.log2(count * 2 + 2)));
    this.size = count;
  }

  #index(end: number): boolean {
    const words = this.#words;
    const table = this.#table;
    const mask = table.length - 1;
    let at = SNAPSHOT_HEADER / 4;
    let before = 0;
    for (let position = 0; position < this.#places.length; position += 1) {
      const number = words[at + Entry.number]!;
      const next = at + words[at + Entry.length]! / 4;
      if (number <= before || next > end / 4 || !this.#countLive(at, next)) return false;
      before = number;
      this.#places[position] = at;
      this.#numbers[position] = number;
      if ((words[at + Entry.flags]! & ENTRY_EAGER) !== 0) this.eager.push(number);
      let slot = words[at + Entry.hash]! & mask;
      while (table[slot] !== 0) slot = (slot + 1) & mask;
      table[slot] = position + 1;
      at = next;
    }
    return at === end / 4;
  }

  /** Whether the runs fill the entry and stand in known segments. */
  #countLive(start: number, end: number): boolean {
    const words = this.#words;
    let at = start + ENTRY_WORDS + padded(words[start + Entry.stateLength]!) / 4;
    let segment: Segment | undefined;
    for (let run = words[start + Entry.runs]!; run > 0; run -= 1) {
      const count = words[at + 2]!;
      const number = words[at + 3]!;
      if (segment?.number !== number) segment = this.#segments.get(number);
      at += RUN_WORDS;
      const last = at + count * 2;
      if (segment === undefined || last > end) return false;
      let bytes = count * RECORD_HEADER;
      for (; at < last; at += 2) bytes += words[at + 1]!;
      segment.live += bytes;
    }
    return at === end;
  }

  /** Numbers of those that are not built yet, growing. */
  numbers(): number[] {
    const numbers: number[] = [];
    for (const [position, place] of this.#places.entries()) {
      if (place !== 0) numbers.push(this.#numbers[position]!);
    }
    return numbers;
  }

  /** Build the queue of this name. */
  takeName(name: string): Built | undefined {
    const table = this.#table;
    const mask = table.length - 1;
    const hash = hashOfName(name);
    for (let slot = hash & mask; table[slot] !== 0; slot = (slot + 1) & mask) {
      const position = table[slot]! - 1;
      const place = this.#places[position]!;
      if (place === 0 || this.#words[place + Entry.hash] !== hash) continue;
      const { settings } = decodeState(this.#state(place));
      if (settings.name === name) return this.#take(position);
    }
    return undefined;
  }

  /** Build the queue of this number. */
  takeNumber(number: number): Built | undefined {
    const position = this.#find(number);
    return position < 0 ? undefined : this.#take(position);
  }

  /** The bytes of an entry whose queue is not built yet. */
  entry(number: number): Uint8Array | undefined {
    const position = this.#find(number);
    if (position < 0) return undefined;
    const place = this.#places[position]!;
    const start = place * 4;
    return this.#bytes.subarray(start, start + this.#words[place + Entry.length]!);
  }

  #find(number: number): number {
    const numbers = this.#numbers;
    let low = 0;
    let high = numbers.length - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      const found = numbers[middle]!;
      if (found === number) return this.#places[middle] === 0 ? -1 : middle;
      if (found < number) low = middle + 1;
      else high = middle - 1;
    }
    return -1;
  }

  #state(place: number): Uint8Array {
    const start = (place + ENTRY_WORDS) * 4;
    return this.#bytes.subarray(start, start + this.#words[place + Entry.stateLength]!);
  }

  #take(position: number): Built {
    const words = this.#words;
    const place = this.#places[position]!;
    this.#places[position] = 0;
    this.size -= 1;
    const { settings, restore } = decodeState(this.#state(place));
    const queue = new QueueState(words[place + Entry.number]!, settings);
    restore(queue);
    queue.firstSegment = words[place + Entry.firstSegment]!;
    queue.anchor = words[place + Entry.anchor]!;
    queue.lastSegment = words[place + Entry.lastSegment]!;
    queue.count = readLong(words, place + Entry.count);
    queue.bytes = readLong(words, place + Entry.bytes);
    let at = place + ENTRY_WORDS + padded(words[place + Entry.stateLength]!) / 4;
    for (let run = words[place + Entry.runs]!; run > 0; run -= 1) {
      const first = readLong(words, at);
      const count = words[at + 2]!;
      const segment = this.#segments.get(words[at + 3]!)!;
      at += RUN_WORDS;
      const table = words.slice(at, at + count * 2);
      queue.index.runs.push({ first, count, segment, table, skip: 0 });
      at += count * 2;
    }
    const covered = {
      segment: words[place + Entry.coveredSegment]!,
      offset: words[place + Entry.coveredOffset]!,
    };
    return { queue, covered };
  }
}

/** A queue, with what stands of it in the log before a place. */
export interface Built {
  readonly queue: QueueState;
  readonly covered: LogPlace;
}

function readLong(words: Uint32Array, at: number): number {
  return words[at]! + words[at + 1]! * 2 ** 32;
}
