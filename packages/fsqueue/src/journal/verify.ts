import { systemClock } from "../clock.ts";
import { Journal } from "./journal.ts";
import {
  BLOCK_HEADER,
  RecordType,
  SEGMENT_HEADER,
  recordLength,
  recordQueue,
  recordType,
} from "./layout.ts";
import { createNodePort } from "./node-port.ts";
import type { FilePort } from "./port.ts";
import { type Found, listSegments, openSegment } from "./recovery.ts";
import { type Block, findBlock, readBlock, startOfZeros } from "./scan.ts";
import { SegmentReader } from "./segment-reader.ts";

/** A stretch of a segment that does not hold what was written there. */
export interface Damage {
  readonly path: string;
  readonly lane: number;
  readonly segment: number;
  /** The stretch in bytes, from the start of the file. */
  readonly offset: number;
  readonly length: number;
}

export interface Verification {
  readonly segments: number;
  /** The length of their files; of one that is being written, with up to 1 MiB of zeros that take no room. */
  readonly bytes: number;
  readonly blocks: number;
  readonly records: number;
  /** Records that hold a message, dropped ones too. */
  readonly messages: number;
  /** Bytes at the very end that were being written when the writer stopped, or are right now. */
  readonly unfinishedBytes: number;
  readonly damage: readonly Damage[];
}

export interface VerifyOptions {
  /** Called now and then with the bytes checked so far and those there are. */
  readonly onProgress?: (checked: number, total: number) => void;
  readonly port?: FilePort;
}

/**
 * Check every checksum in a folder, without changing anything and without regard to a writer that may be
 * at work. Reads all of it.
 */
export async function verifyFolder(
  dir: string,
  { onProgress = () => {}, port = createNodePort() }: VerifyOptions = {},
): Promise<Verification> {
  const journal = new Journal({
    dir,
    port,
    clock: systemClock,
    synced: false,
    segmentBytes: 0,
    memoryBytes: 0,
    maxMessageBytes: 0,
  });
  const bare = (await listSegments(journal)).toSorted((a, b) => a.number - b.number);
  const found: Found[] = [];
  for (const segment of bare) found.push(await openSegment(journal, segment, false));
  const counted = new Map(found.map(({ header }) => [header?.previous, header?.previousLength]));
  const sum = new Sum(
    found.reduce((bytes, { length }) => bytes + length, 0),
    onProgress,
  );
  try {
    for (const one of found) {
      const limit = counted.get(one.segment.number) ?? one.length;
      await sum.check(port, one, Math.min(limit, one.length), one === found.at(-1));
    }
  } finally {
    for (const { segment } of found) await port.close(segment.descriptor);
  }
  return sum;
}

class Sum implements Verification {
  segments = 0;
  bytes = 0;
  blocks = 0;
  records = 0;
  messages = 0;
  unfinishedBytes = 0;
  readonly damage: Damage[] = [];
  readonly #total: number;
  readonly #onProgress: (checked: number, total: number) => void;

  constructor(total: number, onProgress: (checked: number, total: number) => void) {
    this.#total = total;
    this.#onProgress = onProgress;
  }

  async check(port: FilePort, found: Found, limit: number, isLast: boolean): Promise<void> {
    const { segment, header } = found;
    const before = this.bytes;
    this.segments += 1;
    if (header === undefined) {
      // Nothing is in the last one yet: its creation was cut short.
      if (isLast && limit <= SEGMENT_HEADER) this.unfinishedBytes += limit;
      else this.#damaged(found, 0, limit);
    } else {
      const reader = new SegmentReader(port, segment.descriptor, limit);
      for (let offset = SEGMENT_HEADER; offset < limit;) {
        const block = (await readBlock(reader, header.salt, offset))?.block;
        if (block !== undefined) {
          this.#count(reader, block);
          offset += BLOCK_HEADER + block.header.bodyLength;
        } else {
          const next = await findBlock(reader, header.salt, offset);
          if (next === undefined && isLast) {
            this.unfinishedBytes += (await startOfZeros(reader, offset)) - offset;
          } else this.#damaged(found, offset, (next?.offset ?? limit) - offset);
          offset = next?.offset ?? limit;
        }
        this.bytes = before + offset;
        this.#onProgress(this.bytes, this.#total);
      }
    }
    this.bytes = before + found.length;
    this.#onProgress(this.bytes, this.#total);
  }

  #count({ view }: SegmentReader, block: Block): void {
    this.blocks += 1;
    for (let at = block.at; at < block.end; at += recordLength(view, at)) {
      this.records += 1;
      if (recordType(view, at) === RecordType.data && recordQueue(view, at) > 0) this.messages += 1;
    }
  }

  #damaged({ segment }: Found, offset: number, length: number): void {
    const { path, lane, number } = segment;
    this.damage.push({ path, lane, segment: number, offset, length });
  }
}
