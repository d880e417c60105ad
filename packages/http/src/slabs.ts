const slabBytes = 96 * 1024;
const mostKept = 64;

/**
 * Buffers that are written, and then used again. A fresh one for every piece would be garbage that the
 * engine collects only after some 64 MB, however little of it is in use.
 */
export class Slabs {
  readonly #free: Buffer[] = [];

  /** A buffer of 96 KiB with any content. */
  take(): Buffer {
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(slabBytes);
  }

  giveBack(slab: Buffer): void {
    if (this.#free.length < mostKept) this.#free.push(slab);
  }
}

/** Whether so many bytes fit into one. */
export function fitsSlab(bytes: number): boolean {
  return bytes <= slabBytes;
}
