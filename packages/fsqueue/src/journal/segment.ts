import { viewOf } from "./layout.ts";

/** A stretch of a segment that is (still) in memory. */
export class Chunk {
  readonly segment: Segment;
  /** Where the chunk's first byte stands in the segment. */
  readonly fileStart: number;
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** Bytes `[0, used)` hold blocks. */
  used = 0;
  /** The memory will be used again: nobody may keep a view into it. */
  readonly borrowed: boolean;

  constructor(segment: Segment, fileStart: number, bytes: Uint8Array, borrowed = false) {
    this.segment = segment;
    this.fileStart = fileStart;
    this.bytes = bytes;
    this.view = viewOf(bytes);
    this.borrowed = borrowed;
  }

  /** Whether the byte at this offset of the segment is in it, which is not before its start. */
  holds(offset: number): boolean {
    return offset < this.fileStart + this.used;
  }

  /** What stands there, to keep. */
  payload(at: number, length: number): Uint8Array {
    if (this.borrowed) return this.bytes.slice(at, at + length);
    return new Uint8Array(this.bytes.buffer, this.bytes.byteOffset + at, length);
  }
}

/** One file of a lane. */
export class Segment {
  readonly lane: number;
  readonly number: number;
  readonly path: string;
  readonly salt: number;
  /** The segment before it and how much of that counts; see the header. */
  previous = 0;
  previousLength = 0;
  /** Bytes that hold acknowledged blocks (and the header); 0 while the file does not exist. */
  size = 0;
  /** Where its file ends at least, as far as that was seen to; ahead of `size` if it was made longer. */
  fileEnd = 0;
  /** Bytes known to survive a power cut. */
  durable = 0;
  /** Bytes of records of messages that can still be read. */
  live = 0;
  /** Queues whose deletion stands here, and the first segment that may hold records of each. */
  readonly tombstones: Map<number, number> = new Map();
  /** Chunks in memory, in the order of the file. */
  readonly hot: Chunk[] = [];
  /** The writing descriptor of the active segment, or a reading one; -1 when closed. */
  descriptor = -1;
  /** Reads under way; a dead segment's descriptor is closed after the last. */
  readers = 0;
  gone = false;
  /** Its file is longer than what counts of it; the header of the next segment says by how much. */
  cut = false;
  /** Some of it was not what was written: it is replaced as soon as what is left is copied. */
  damaged = false;

  constructor(lane: number, number: number, path: string, salt: number) {
    this.lane = lane;
    this.number = number;
    this.path = path;
    this.salt = salt;
  }

  /** The chunk that holds the byte at this offset, if it is in memory. */
  chunkAt(offset: number): Chunk | undefined {
    const { hot } = this;
    const newest = hot.at(-1);
    if (newest === undefined || offset < hot[0]!.fileStart) return undefined;
    // Where nearly all live readers look.
    if (offset >= newest.fileStart) return newest.holds(offset) ? newest : undefined;
    let low = 0;
    let high = hot.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (hot[middle]!.fileStart <= offset) low = middle;
      else high = middle - 1;
    }
    const chunk = hot[low]!;
    return chunk.holds(offset) ? chunk : undefined;
  }
}

export function laneFolder(lane: number): string {
  return `lane-${String(lane).padStart(6, "0")}`;
}

export function segmentFile(number: number): string {
  return `${String(number).padStart(10, "0")}.seg`;
}
