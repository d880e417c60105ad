import type { Offset } from "../store.ts";

const DIGITS = 16;
const lowDigits = Array.from({ length: 1000 }, (_, n) => String(n).padStart(3, "0"));

/** The offset just before the message with this sequence, which is just after the one before it. */
export function formatOffset(sequence: number): Offset {
  if (sequence < 1_000_000) {
    const high = Math.floor(sequence / 1000);
    return `0000000000${lowDigits[high]!}${lowDigits[sequence - high * 1000]!}`;
  }
  return String(sequence).padStart(DIGITS, "0");
}

/** The inverse of {@link formatOffset}; undefined for any other text. */
export function parseOffset(offset: unknown): number | undefined {
  if (typeof offset !== "string" || offset.length !== DIGITS) return undefined;
  return /^\d+$/.test(offset) ? Number(offset) : undefined;
}
