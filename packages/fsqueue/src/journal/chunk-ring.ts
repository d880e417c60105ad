import { Chunk } from "./segment.ts";

/**
 * What was written lately, for those who read a little later: copies of full chunks, in one stretch of memory
 * that is used again from its start when it is full.
 *
 * Chunks that were kept as they are would grow old in the garbage collector's eyes and die there: at 50,000
 * messages a second that is two full collections a second, which hold all messages up for 10 to 25 ms. The
 * copy costs 40 ns a message of 200 bytes.
 */
export class ChunkRing {
  readonly #capacity: number;
  /** Made when there is something to keep. The system gives the memory as it is written to. */
  #memory: Uint8Array | undefined;
  /** In the order in which they were kept, and so of their places in memory, but for one turn. */
  #kept: { readonly chunk: Chunk; readonly start: number; readonly end: number }[] = [];
  #next = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** Keep a copy in place of this chunk, or nothing if it is too large. */
  keep(chunk: Chunk): void {
    const { hot } = chunk.segment;
    // One that would drive out most of the others is better read from the file.
    const copies = chunk.used * 4 > this.#capacity ? [] : [this.#copy(chunk)];
    // Only now: making room may have taken others out.
    hot.splice(hot.indexOf(chunk), 1, ...copies);
  }

  #copy(chunk: Chunk): Chunk {
    const { used } = chunk;
    const memory = (this.#memory ??= new Uint8Array(new ArrayBuffer(this.#capacity)));
    let start = this.#next;
    if (start + used > memory.length) {
      this.#release(start, memory.length);
      start = 0;
    }
    const end = start + used;
    this.#release(start, end);
    this.#next = end;
    const bytes = memory.subarray(start, end);
    bytes.set(chunk.bytes.subarray(0, used));
    const copy = new Chunk(chunk.segment, chunk.fileStart, bytes, true);
    copy.used = used;
    this.#kept.push({ chunk: copy, start, end });
    return copy;
  }

  /** Let go of the oldest ones, as far as they stand in this stretch. */
  #release(start: number, end: number): void {
    const kept = this.#kept;
    let count = 0;
    for (; count < kept.length; count += 1) {
      const { chunk, ...place } = kept[count]!;
      if (place.start >= end || place.end <= start) break;
      const { hot } = chunk.segment;
      const at = hot.indexOf(chunk);
      if (at >= 0) hot.splice(at, 1);
    }
    kept.splice(0, count);
  }
}
