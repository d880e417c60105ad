import { storeFailed } from "./failure.ts";
import type { Journal } from "./journal.ts";
import { QUICK_READ } from "./quick-reads.ts";
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
    if (bytes.length <= QUICK_READ && segment.descriptor >= 0) {
      const { quickReads } = journal;
      // Who waits for its turn may find that others have used it up.
      for (let turn = quickReads.turn(); turn !== undefined; turn = quickReads.turn()) await turn;
      const quick = segment.descriptor < 0 ? -1 : quickReads.read(journal, segment, bytes, start);
      if (quick >= 0) return quick;
    }
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
