import type { Batch } from "./batch.ts";
import { BLOCK_HEADER, RECORD_HEADER, finishRecord, writeBlockHeader } from "./layout.ts";
import { ChunkRing } from "./chunk-ring.ts";
import { Chunk, type Segment } from "./segment.ts";

// A block stands in one chunk: this is how large one gets of which no single operation needs more.
const SMALLEST_CHUNK = 64 << 10;
const LARGEST_CHUNK = 256 << 10;

/**
 * Where records are laid down before they are written: chunks of memory in the order of the file. Live
 * readers are given views into the newest one, and so it is never used twice; a full one is copied into a
 * ring and left to those who still hold on to it.
 */
export class AppendBuffer {
  #chunk: Chunk | undefined;
  readonly #ring: ChunkRing;

  #block = -1;
  #blockCount = 0;
  #blockTime = 0;

  #time: number;
  #timeLow: number;
  #timeHigh: number;

  constructor(budget: number, time: number) {
    this.#ring = new ChunkRing(budget);
    this.#time = time;
    this.#timeLow = time >>> 0;
    this.#timeHigh = Math.floor(time / 2 ** 32);
  }

  /** The time of the records being laid down: never decreasing. */
  get time(): number {
    return this.#time;
  }

  /** Where the newest record ends in its segment. */
  get end(): number | undefined {
    const chunk = this.#chunk;
    return chunk === undefined ? undefined : chunk.fileStart + chunk.used;
  }

  setTime(now: number): void {
    if (now <= this.#time) return;
    this.#time = now;
    this.#timeLow = now >>> 0;
    this.#timeHigh = Math.floor(now / 2 ** 32);
  }

  /** Make room for records of this many bytes in one block of the batch. */
  reserve(batch: Batch, bytes: number): void {
    let chunk = this.#chunk;
    const needed = this.#block < 0 ? bytes + BLOCK_HEADER : bytes;
    if (chunk === undefined || chunk.used + needed > chunk.bytes.length) {
      this.closeBlock();
      chunk = this.#grow(batch, bytes + BLOCK_HEADER);
    } else if (batch.parts.length === 0) {
      batch.parts.push({ chunk, start: chunk.used, end: chunk.used });
    }
    if (this.#block < 0) {
      this.#block = chunk.used;
      this.#blockCount = 0;
      this.#blockTime = this.#time;
      chunk.used += BLOCK_HEADER;
    }
  }

  /** Lay down one record in the room that was reserved; returns where it stands in the segment. */
  record(type: number, queue: number, sequence: number, payload: Uint8Array | undefined): number {
    const chunk = this.#chunk!;
    const at = chunk.used;
    let length = RECORD_HEADER;
    if (payload !== undefined) {
      length += payload.length;
      chunk.bytes.set(payload, at + RECORD_HEADER);
    }
    finishRecord(
      chunk.bytes,
      chunk.view,
      at,
      type,
      length,
      queue,
      sequence,
      this.#timeLow,
      this.#timeHigh,
      chunk.segment.salt,
    );
    chunk.used = at + length;
    this.#blockCount += 1;
    return chunk.fileStart + at;
  }

  /** The same for a record of another time, as compaction copies them. */
  recordAt(
    time: number,
    type: number,
    queue: number,
    sequence: number,
    payload: Uint8Array,
  ): number {
    const low = this.#timeLow;
    const high = this.#timeHigh;
    this.#timeLow = time >>> 0;
    this.#timeHigh = Math.floor(time / 2 ** 32);
    const at = this.record(type, queue, sequence, payload);
    this.#timeLow = low;
    this.#timeHigh = high;
    return at;
  }

  /** Finish the block being laid down, if there is one. */
  closeBlock(): void {
    const at = this.#block;
    if (at < 0) return;
    const chunk = this.#chunk!;
    this.#block = -1;
    writeBlockHeader(chunk.bytes, chunk.view, at, {
      salt: chunk.segment.salt,
      offset: chunk.fileStart + at,
      bodyLength: chunk.used - at - BLOCK_HEADER,
      count: this.#blockCount,
      durable: chunk.segment.durable,
      time: this.#blockTime,
    });
  }

  /** Finish the batch: where its last block ends in the segment. */
  finish(batch: Batch): void {
    this.closeBlock();
    const last = batch.parts.at(-1);
    const chunk = this.#chunk;
    if (last === undefined || chunk === undefined) return;
    last.end = chunk.used;
    batch.end = chunk.fileStart + chunk.used;
  }

  /** What was laid down since is void, or the next batch goes to another segment: begin a new chunk. */
  reset(): void {
    this.#block = -1;
    if (this.#chunk !== undefined) this.#ring.keep(this.#chunk);
    this.#chunk = undefined;
  }

  #grow(batch: Batch, needed: number): Chunk {
    const before = this.#chunk;
    const last = batch.parts.at(-1);
    let fileStart = batch.start;
    if (last !== undefined) {
      last.end = last.chunk.used;
      fileStart = last.chunk.fileStart + last.chunk.used;
    }
    const usual = Math.min(LARGEST_CHUNK, before === undefined ? 0 : before.bytes.length * 2);
    if (before !== undefined) this.#ring.keep(before);
    const bytes = new ArrayBuffer(Math.max(SMALLEST_CHUNK, usual, needed));
    const chunk = new Chunk(batch.segment, fileStart, new Uint8Array(bytes));
    batch.parts.push({ chunk, start: 0, end: 0 });
    this.#chunk = chunk;
    batch.segment.hot.push(chunk);
    return chunk;
  }

  /** Take the chunks out of memory that reach beyond this place: those bytes never made it to the file. */
  discard(segment: Segment, from: number): void {
    this.reset();
    const { hot } = segment;
    for (const chunk of hot.slice()) {
      if (chunk.fileStart + chunk.used > from) hot.splice(hot.indexOf(chunk), 1);
    }
  }
}
