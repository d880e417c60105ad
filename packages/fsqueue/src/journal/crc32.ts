import * as zlib from "node:zlib";

/** Slice-by-16 tables: `tables[k * 256 + n]` advances byte `n` by `k` further bytes. */
const tables = buildTables();

/** Since Node 20.15 and 22.2; other runtimes may lack it. */
const native = (zlib as { crc32?: (data: Uint8Array, value?: number) => number }).crc32;

/** From here on the call into zlib is as fast, then faster: 220 bytes take 130 ns below and 240 there, 1 KiB 550 and 410. */
const NATIVE_FROM = 512;

/**
 * CRC-32 (the polynomial of zlib, 0xEDB88320) of `bytes[start, end)`, continuing from `seed`. `view` is one
 * of the same bytes, for those who have it: making one costs as much as 100 bytes.
 */
export function crc32(
  bytes: Uint8Array,
  start: number,
  end: number,
  seed: number,
  view?: DataView,
): number {
  if (native !== undefined && end - start >= NATIVE_FROM) {
    return native(bytes.subarray(start, end), seed);
  }
  const words = view ?? new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return crc32Sliced(words, start, end, seed);
}

/**
 * The portable way, for any length. Words instead of bytes and 16 instead of 8 at a time: 130 instead of
 * 200 ns for 220 bytes. What does not depend on the bytes before is looked up first, so that the processor
 * need not wait.
 */
function crc32Sliced(view: DataView, start: number, end: number, seed: number): number {
  const table = tables;
  let crc = ~seed;
  let at = start;
  for (const last = end - 15; at < last; at += 16) {
    const second = view.getInt32(at + 4, true);
    const third = view.getInt32(at + 8, true);
    const fourth = view.getInt32(at + 12, true);
    const rest =
      table[2816 + (second & 255)]! ^
      table[2560 + ((second >>> 8) & 255)]! ^
      table[2304 + ((second >>> 16) & 255)]! ^
      table[2048 + (second >>> 24)]! ^
      table[1792 + (third & 255)]! ^
      table[1536 + ((third >>> 8) & 255)]! ^
      table[1280 + ((third >>> 16) & 255)]! ^
      table[1024 + (third >>> 24)]! ^
      table[768 + (fourth & 255)]! ^
      table[512 + ((fourth >>> 8) & 255)]! ^
      table[256 + ((fourth >>> 16) & 255)]! ^
      table[fourth >>> 24]!;
    crc ^= view.getInt32(at, true);
    crc =
      table[3840 + (crc & 255)]! ^
      table[3584 + ((crc >>> 8) & 255)]! ^
      table[3328 + ((crc >>> 16) & 255)]! ^
      table[3072 + (crc >>> 24)]! ^
      rest;
  }
  for (const last = end - 3; at < last; at += 4) {
    crc ^= view.getInt32(at, true);
    crc =
      table[768 + (crc & 255)]! ^
      table[512 + ((crc >>> 8) & 255)]! ^
      table[256 + ((crc >>> 16) & 255)]! ^
      table[crc >>> 24]!;
  }
  for (; at < end; at += 1) crc = (crc >>> 8) ^ table[(crc ^ view.getUint8(at)) & 255]!;
  return ~crc >>> 0;
}

function buildTables(): Int32Array {
  const built = new Int32Array(4096);
  for (let n = 0; n < 256; n += 1) {
    let crc = n;
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
    built[n] = crc;
  }
  for (let at = 256; at < 4096; at += 1) {
    const previous = built[at - 256]!;
    built[at] = built[previous & 255]! ^ (previous >>> 8);
  }
  return built;
}
