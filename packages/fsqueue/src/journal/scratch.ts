/** Bytes of a buffer. */
export const SCRATCH: number = 128 << 10;
/** More reads at once would not be faster: they come from the page cache, or wait for one disk. */
const MOST_IN_USE = 16;

/**
 * Buffers that messages are read into and copied from, used again and again. So few are in use at a time:
 * a hundred readers that begin at once would take as many, and leave as much garbage with every piece.
 */
export class Scratch {
  readonly #free: Uint8Array[] = [];
  readonly #waiting: (() => void)[] = [];
  #inUse = 0;

  /** A buffer of this length with any content, as soon as there is one; those who wait are served in turn. */
  take(length: number): Uint8Array | Promise<Uint8Array> {
    if (this.#inUse < MOST_IN_USE) {
      this.#inUse += 1;
      return this.#make(length);
    }
    return new Promise((resolve) => {
      this.#waiting.push(() => resolve(this.#make(length)));
    });
  }

  giveBack({ buffer }: Uint8Array): void {
    if (buffer.byteLength === SCRATCH) this.#free.push(new Uint8Array(buffer as ArrayBuffer));
    const next = this.#waiting.shift();
    if (next === undefined) this.#inUse -= 1;
    else next();
  }

  #make(length: number): Uint8Array {
    if (length > SCRATCH) return new Uint8Array(new ArrayBuffer(length));
    return (this.#free.pop() ?? new Uint8Array(new ArrayBuffer(SCRATCH))).subarray(0, length);
  }
}
