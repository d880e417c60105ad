import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { SEGMENT_HEADER, writeSegmentHeader } from "./layout.ts";
import type { FilePort } from "./port.ts";
import { Segment, laneFolder, segmentFile } from "./segment.ts";

export interface SegmentFilesOptions {
  readonly port: FilePort;
  readonly dir: string;
  /** The number of the folder, in the header of every segment. */
  readonly store: number;
  readonly now: () => number;
  /** The number the next queue will get. */
  readonly nextQueue: () => number;
}

/** Names, numbers and creates the segments of the lane being written. */
export class SegmentFiles {
  readonly #options: SegmentFilesOptions;
  #lane: number;
  #next: number;
  /** Calls that made something durable. */
  syncs = 0;

  constructor(options: SegmentFilesOptions, position: { lane: number; nextSegment: number }) {
    this.#options = options;
    this.#lane = position.lane;
    this.#next = position.nextSegment;
  }

  /** The segments planned from now on belong to the next lane. */
  nextLane(): void {
    this.#lane += 1;
  }

  async makeLane(): Promise<void> {
    const { port, dir } = this.#options;
    await port.makeFolder(join(dir, laneFolder(this.#lane)));
    this.syncs += 1;
    await port.syncFolder(dir);
  }

  /** The segment that comes after this one, of which so much counts; its file does not exist yet. */
  plan(previous: Segment | undefined, previousLength: number): Segment {
    const number = this.#next;
    this.#next += 1;
    const path = join(this.#options.dir, laneFolder(this.#lane), segmentFile(number));
    const segment = new Segment(this.#lane, number, path, randomBytes(4).readUInt32LE());
    segment.previous = previous?.number ?? 0;
    segment.previousLength = previousLength;
    return segment;
  }

  /** Create the file. Its header and its entry in the folder are durable before any block is written. */
  async create(segment: Segment): Promise<void> {
    const { port, store, nextQueue, now, dir } = this.#options;
    const header = writeSegmentHeader({
      salt: segment.salt,
      lane: segment.lane,
      number: segment.number,
      created: now(),
      previous: segment.previous,
      previousLength: segment.previousLength,
      nextQueue: nextQueue(),
      store,
    });
    const descriptor = await port.open(segment.path, "create");
    segment.descriptor = descriptor;
    try {
      await writeAll(port, segment, header, 0, header.length, 0);
      this.syncs += 2;
      await port.sync(descriptor);
      await port.syncFolder(join(dir, laneFolder(segment.lane)));
    } catch (error) {
      await this.discard(segment);
      throw error;
    }
    segment.size = SEGMENT_HEADER;
    segment.durable = SEGMENT_HEADER;
  }

  /** It came to nothing: its header would say where the segment before ends. */
  async discard(segment: Segment): Promise<void> {
    const { port } = this.#options;
    const { descriptor } = segment;
    segment.descriptor = -1;
    if (descriptor >= 0) await port.close(descriptor).catch(() => {});
    await port.remove(segment.path).catch(() => {});
  }
}

/** Write `bytes[start, end)` to this place in the segment, however little the system takes at a time. */
export async function writeAll(
  port: FilePort,
  segment: Segment,
  bytes: Uint8Array,
  start: number,
  end: number,
  at: number,
): Promise<void> {
  let from = start;
  let position = at;
  while (from < end) {
    const count = await port.write(segment.descriptor, bytes, from, end - from, position);
    if (count === 0) throw new Error(`nothing was written to ${segment.path} at ${position}`);
    from += count;
    position += count;
  }
}
