import type { Batch } from "./batch.ts";
import type { FilePort } from "./port.ts";
import { writeAll } from "./segment-files.ts";

/** Up to this much is written on the spot (a few µs into the page cache), instead of by another thread. */
export const WRITE_NOW_LIMIT: number = 64 << 10;

/** Puts the bytes of batches into the files of their segments. */
export class BatchWriter {
  readonly #port: FilePort;

  constructor(port: FilePort) {
    this.#port = port;
  }

  /** All of a small batch in one piece at once, no thread, no promise; false if that is not to be had. */
  tryNow(batch: Batch): boolean {
    if (batch.length > WRITE_NOW_LIMIT || batch.parts.length !== 1) return false;
    const { chunk, start, end } = batch.parts[0]!;
    try {
      const { descriptor } = batch.segment;
      const count = this.#port.writeNow(descriptor, chunk.bytes, start, end - start, batch.start);
      return count === end - start; // else the long way writes all of it again
    } catch {
      return false; // and meets the error again
    }
  }

  /**
   * All of a batch. `quick` writes little at once, where no sync is under way: a thread less to wake. At
   * 50,000 messages a second, synced, 0.5 ms to the acknowledgement instead of 0.6 to 2, and 8% less CPU
   * time.
   */
  async write(batch: Batch, quick: () => boolean): Promise<void> {
    const port = this.#port;
    const { segment } = batch;
    let at = batch.start;
    for (const { chunk, start, end } of batch.parts) {
      const length = end - start;
      const written =
        length <= WRITE_NOW_LIMIT && quick()
          ? port.writeNow(segment.descriptor, chunk.bytes, start, length, at)
          : 0;
      if (written < length) {
        await writeAll(port, segment, chunk.bytes, start + written, end, at + written);
      }
      at += length;
    }
  }
}
