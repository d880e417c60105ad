import { performance } from "node:perf_hooks";
import { storeFailed } from "./failure.ts";
import type { Journal } from "./journal.ts";
import type { Segment } from "./segment.ts";

/**
 * A read up to this is done on the spot, as long as the page cache serves it: 4 KiB take 3 µs there and 17 by
 * another thread. 224 KiB take about as long either way (60 µs), but without the turns of the event loop in
 * between a thousand messages of that size come 1.2 times as fast.
 */
export const QUICK_READ: number = 256 << 10;
/** So long may reading and checking hold up one turn of the event loop, all readers together. */
const TURN_MS = 0.5;
/** What is read at a time: how long that takes tells whether to go on. */
const PIECE = 64 << 10;
/** One that took this long came from the disk: the next ones are left to other threads. */
const SLOW_MS = 0.2;
const AFTER_SLOW = 64;

/** What {@link QuickReads.copy} reads at a time, and keeps: a page of most file systems. */
const PAGE = 4 << 10;
/** Pages are kept up to this: those of any number of queues written in turn, 4096 messages of each. */
const MOST_KEPT = 16 << 20;
/** Pages in the largest segment. */
const SEGMENT_PAGES = 2 ** 32 / PAGE;

/** Short reads without a thread, as long as the page cache serves them. */
export class QuickReads {
  #spent = 0;
  #slow = 0;
  #turn: Promise<void> | undefined;
  /** The pages kept; made when the first is. */
  #pages: Uint8Array | undefined;
  /** Where each stands among them, by its segment and number in one. The oldest makes room for the next. */
  readonly #places: Map<number, number> = new Map();
  readonly #keys: number[] = [];
  readonly #count: number;
  #next = 0;

  /** Pages take no more than half of this. */
  constructor(memoryBytes: number) {
    this.#count = Math.max(16, Math.floor(Math.min(memoryBytes / 2, MOST_KEPT) / PAGE));
  }

  /**
   * Fill `bytes` from this place in the segment, which is open; returns how much was read: the rest is
   * behind the end of the file, or for another thread to read. Wait for {@link turn} before each.
   */
  read(journal: Journal, segment: Segment, bytes: Uint8Array, start: number): number {
    let read = 0;
    while (read < bytes.length) {
      if (this.#slow > 0) {
        this.#slow -= 1;
        break;
      }
      const began = performance.now();
      const length = Math.min(PIECE, bytes.length - read);
      const count = readNow(journal, segment, bytes, read, length, start + read);
      const took = performance.now() - began;
      this.#spent += took;
      if (took > SLOW_MS) this.#slow = AFTER_SLOW;
      if (count === 0) break;
      read += count;
    }
    return read;
  }

  /**
   * Fill `bytes[at, end)` from this place in the segment by whole pages, which are kept for those who want
   * their neighbours. False if there is no time left in this turn, or it is for another thread to read.
   */
  copy(
    journal: Journal,
    segment: Segment,
    offset: number,
    bytes: Uint8Array,
    at: number,
    end: number,
  ): boolean {
    for (let done = at; done < end;) {
      const from = offset + done - at;
      const page = Math.floor(from / PAGE);
      const place = this.#place(journal, segment, page);
      if (place < 0) return false;
      const skip = from - page * PAGE;
      const count = Math.min(PAGE - skip, end - done);
      const start = place * PAGE + skip;
      bytes.set(this.#pages!.subarray(start, start + count), done);
      done += count;
    }
    return true;
  }

  /** Where this page stands; -1 if it is not to be had now. */
  #place(journal: Journal, segment: Segment, page: number): number {
    const key = segment.number * SEGMENT_PAGES + page;
    const known = this.#places.get(key);
    if (known !== undefined) return known;
    const start = page * PAGE;
    // What is not acknowledged may yet change.
    if (start + PAGE > segment.size || segment.descriptor < 0) return -1;
    if (this.#spent >= TURN_MS) return -1;
    this.#pages ??= new Uint8Array(new ArrayBuffer(this.#count * PAGE));
    const place = this.#next;
    const old = this.#keys[place];
    if (old !== undefined) this.#places.delete(old);
    const into = this.#pages.subarray(place * PAGE, (place + 1) * PAGE);
    if (this.read(journal, segment, into, start) < PAGE) return -1;
    this.#next = (place + 1) % this.#count;
    this.#keys[place] = key;
    this.#places.set(key, place);
    return place;
  }

  /** What was read has been checked since then: that holds up the turn as well. */
  spend(since: number): void {
    this.#spent += performance.now() - since;
  }

  /** Undefined while there is time left in this turn; else a promise of the next. */
  turn(): Promise<void> | undefined {
    if (this.#spent < TURN_MS) return undefined;
    this.#turn ??= new Promise((resolve) => {
      setImmediate(() => {
        this.#spent = 0;
        this.#turn = undefined;
        resolve();
      });
    });
    return this.#turn;
  }
}

function readNow(
  journal: Journal,
  { descriptor }: Segment,
  bytes: Uint8Array,
  from: number,
  length: number,
  at: number,
): number {
  try {
    return journal.options.port.readNow(descriptor, bytes, from, length, at);
  } catch (cause) {
    throw storeFailed(cause);
  }
}
