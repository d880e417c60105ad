import type { FilePort } from "./port.ts";
import { viewOf } from "./layout.ts";

const WINDOW = 4 << 20;
/** Where it is not known how much there is to read. */
export const FIRST_WINDOW: number = 16 << 10;

/** Reads a file through a window that moves forward, for scans. A small one doubles each time it moves. */
export class SegmentReader {
  readonly #port: FilePort;
  readonly #descriptor: number;
  /** Bytes of the file that count. */
  readonly limit: number;
  #window: number;
  bytes: Uint8Array = new Uint8Array(0);
  view: DataView = viewOf(this.bytes);
  /** Where the window begins in the file, and how much of it is filled. */
  #start = 0;
  #filled = 0;

  constructor(port: FilePort, descriptor: number, limit: number, window: number = WINDOW) {
    this.#port = port;
    this.#descriptor = descriptor;
    this.limit = limit;
    this.#window = window;
  }

  /** Bring `[offset, offset + length)` into the window; returns where it stands there, -1 past the end. */
  async load(offset: number, length: number): Promise<number> {
    const at = this.loaded(offset, length);
    if (at >= 0) return at;
    if (offset + length > this.limit) return -1;
    const want = Math.min(Math.max(length, this.#window), this.limit - offset);
    if (want > this.bytes.length) {
      this.bytes = new Uint8Array(want);
      this.view = viewOf(this.bytes);
    }
    this.#window = Math.min(this.#window * 2, WINDOW);
    this.#start = offset;
    this.#filled = 0;
    while (this.#filled < want) {
      const count = await this.#port.read(
        this.#descriptor,
        this.bytes,
        this.#filled,
        want - this.#filled,
        offset + this.#filled,
      );
      if (count === 0) break;
      this.#filled += count;
    }
    return this.#filled >= length ? 0 : -1;
  }

  /** The same if it is in the window already, else -1. */
  loaded(offset: number, length: number): number {
    const at = offset - this.#start;
    return at >= 0 && at + length <= this.#filled ? at : -1;
  }

  /** How much of the window stands from this offset on. */
  available(offset: number): number {
    return Math.max(0, this.#start + this.#filled - offset);
  }
}
