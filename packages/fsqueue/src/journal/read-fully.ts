import { storeFailed } from "./failure.ts";
import type { Journal } from "./journal.ts";
import { QUICK_READ } from "./quick-reads.ts";
import type { Segment } from "./segment.ts";

/** Fill `bytes` from this place in the segment; what lies beyond its end becomes zero. */
export async function readFully(
  journal: Journal,
  segment: Segment,
  bytes: Uint8Array,
  start: number,
): Promise<void> {
  let read = 0;
  if (bytes.length <= QUICK_READ && segment.descriptor >= 0) {
    const { quickReads } = journal;
    // Who waits for its turn may find that others have used it up.
    for (let turn = quickReads.turn(); turn !== undefined; turn = quickReads.turn()) await turn;
    if (segment.descriptor >= 0) read = quickReads.read(journal, segment, bytes, start);
    if (read === bytes.length) return;
  }
  const { descriptors } = journal;
  const { port } = journal.options;
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
  bytes.fill(0, read);
}
