import { performance } from "node:perf_hooks";
import type { Journal } from "./journal.ts";
import type { Segment } from "./segment.ts";

/** A read up to this is done on the spot: 1.7 µs from the page cache, 10 µs by another thread. */
export const QUICK_READ: number = 16 << 10;
/** So long may reads hold up one turn of the event loop, all readers together. */
const TURN_MS = 0.5;
/** One that took this long came from the disk: the next ones are left to other threads. */
const SLOW_MS = 0.2;
const AFTER_SLOW = 64;

/** Short reads without a thread, as long as the page cache serves them. */
export class QuickReads {
  #spent = 0;
  #slow = 0;
  #turn: Promise<void> | undefined;

  /**
   * Fill `bytes` from this place in the segment, which is open; returns how much there is, -1 if another
   * thread is to do it. Wait for {@link turn} before each.
   */
  read(journal: Journal, segment: Segment, bytes: Uint8Array, start: number): number {
    if (this.#slow > 0) {
      this.#slow -= 1;
      return -1;
    }
    const { port } = journal.options;
    const began = performance.now();
    let read = 0;
    while (read < bytes.length) {
      const left = bytes.length - read;
      const count = port.readNow(segment.descriptor, bytes, read, left, start + read);
      if (count === 0) break;
      read += count;
    }
    const took = performance.now() - began;
    this.#spent += took;
    if (took > SLOW_MS) this.#slow = AFTER_SLOW;
    return read;
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
