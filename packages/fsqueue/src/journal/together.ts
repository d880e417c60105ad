import * as zlib from "node:zlib";

/** Since Node 20.15 and 22.2; other runtimes may lack it. */
const native = (zlib as { crc32?: (data: Uint8Array, value?: number) => number }).crc32;

/** As many bits as the length of a record has. */
const POWERS = 24;
/** `shifts[k * 1024 + j * 256 + n]`: what byte `j` of the register, with value `n`, becomes after 2^k zero bytes. */
const shifts = buildShifts();

/**
 * The checksums of records that stand one after another in memory, all at once. From the checksums that
 * they bear follows what the checksum of the whole must be, as CRC-32 is linear: with it goes one call into
 * zlib (50 ns for 224 bytes) instead of one loop for each record (130 ns), for 15 ns more. What it tells is
 * as good as the checksum of a block: a record alone that is damaged is always found, as its own checksum
 * would; that the damage of several cancels out has a chance of 2^-32.
 */
export class Together {
  readonly #seed: number;
  #register = -1;
  #total = 0;
  /** What the seed of a record of this length leaves in the register. */
  #seeded = 0;

  constructor(salt: number) {
    this.#seed = ~salt;
  }

  /** The next record has this many bytes and bears this checksum of all but the first four. */
  add(total: number, checksum: number): void {
    if (total !== this.#total) {
      this.#total = total;
      this.#seeded = shift(this.#seed, total - 4);
    }
    this.#register = shift(this.#register ^ checksum, total) ^ this.#seeded ^ ~checksum;
  }

  /** Whether `bytes`, which is all of the records, has that checksum. */
  right(bytes: Uint8Array): boolean {
    return native!(bytes, 0) === ~this.#register >>> 0;
  }
}

/** Whether it is faster for this many records than checking one by one. */
export function worthTogether(records: number): boolean {
  return native !== undefined && records >= 8;
}

/** The register of a CRC after so many zero bytes. */
function shift(register: number, bytes: number): number {
  const table = shifts;
  let shifted = register;
  for (let left = bytes, at = 0; left > 0; left >>>= 1, at += 1024) {
    if ((left & 1) === 0) continue;
    shifted =
      table[at + (shifted & 255)]! ^
      table[at + 256 + ((shifted >>> 8) & 255)]! ^
      table[at + 512 + ((shifted >>> 16) & 255)]! ^
      table[at + 768 + (shifted >>> 24)]!;
  }
  return shifted;
}

function buildShifts(): Int32Array {
  const built = new Int32Array(POWERS * 1024);
  for (let n = 0; n < 1024; n += 1) {
    let register = (n & 255) << ((n >>> 8) * 8);
    for (let bit = 0; bit < 8; bit += 1) {
      register = register & 1 ? (register >>> 1) ^ 0xedb88320 : register >>> 1;
    }
    built[n] = register;
  }
  for (let at = 1024; at < built.length; at += 1) {
    const half = built[at - 1024]!;
    const from = (at >>> 10) * 1024 - 1024;
    built[at] =
      built[from + (half & 255)]! ^
      built[from + 256 + ((half >>> 8) & 255)]! ^
      built[from + 512 + ((half >>> 16) & 255)]! ^
      built[from + 768 + (half >>> 24)]!;
  }
  return built;
}
