import { storeFailed } from "./failure.ts";
import type { Journal } from "./journal.ts";
import type { Segment } from "./segment.ts";

/** Fill `bytes` from this place in the segment; what lies beyond its end stays zero. */
export async function readFully(
  journal: Journal,
  segment: Segment,
  bytes: Uint8Array,
  start: number,
): Promise<number> {
  const { descriptors } = journal;
  const { port } = journal.options;
  let read = 0;
  try {
    const descriptor = await descriptors.acquire(segment);
    try {
      while (read < bytes.length) {
        const count = await port.read(descriptor, bytes, read, bytes.length - read, start + read);
        if (count === 0) break;
        read += count;
      }
    } finally {
      descriptors.release(segment);
    }
  } catch (cause) {
    throw storeFailed(cause);
  }
  return read;
}
