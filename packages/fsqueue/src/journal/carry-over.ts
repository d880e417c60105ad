import type { Journal } from "./journal.ts";
import type { Lane } from "./lane.ts";
import {
  BLOCK_HEADER,
  RECORD_HEADER,
  RecordType,
  recordLength,
  recordQueue,
  recordSequence,
  recordTime,
  recordType,
} from "./layout.ts";
import { corruptSegment } from "./corrupt.ts";
import { type Block, readBlock } from "./scan.ts";
import type { Segment } from "./segment.ts";
import { SegmentReader } from "./segment-reader.ts";

/**
 * Lay down again, in the lane that took the place of a failed one, what the old segment holds from
 * `durable` on: it was acknowledged as written, and the file refused to become durable. What else the new
 * segment says of queues is written anew when the old one goes, which is before the new one does.
 * Returns what to call when all of it is durable: from then on it is read there.
 */
export async function carryOver(journal: Journal, lane: Lane, old: Segment): Promise<() => void> {
  const moves: (() => void)[] = [];
  const reader = new SegmentReader(journal.options.port, old.descriptor, old.size);
  for (let offset = old.durable; offset < old.size;) {
    const found = await readBlock(reader, old.salt, offset);
    if (found?.block === undefined) throw corruptSegment(old, offset, "A block is damaged");
    moves.push(copyBlock(journal, lane, reader, found.block));
    offset += BLOCK_HEADER + found.header.bodyLength;
  }
  return () => {
    for (const move of moves) move();
  };
}

function copyBlock(journal: Journal, lane: Lane, reader: SegmentReader, block: Block): () => void {
  const places: { number: number; sequence: number; place: number; length: number }[] = [];
  const { bytes, view } = reader;
  const { segment } = lane.begin(block.end - block.at);
  for (let at = block.at; at < block.end;) {
    const length = recordLength(view, at);
    const type = recordType(view, at);
    const sequence = recordSequence(view, at);
    const payload = bytes.subarray(at + RECORD_HEADER, at + length);
    const number = recordQueue(view, at);
    const place = lane.buffer.recordAt(recordTime(view, at), type, number, sequence, payload);
    if (type === RecordType.data) {
      places.push({ number, sequence, place, length: payload.length });
    }
    at += length;
  }
  lane.kick();
  return () => {
    for (const { number, sequence, place, length } of places) {
      const index = journal.byNumber.get(number)?.index;
      if (index?.find(sequence) !== undefined) index.set(sequence, segment, place, length);
    }
  };
}
