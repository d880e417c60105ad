import { crc32 } from "./crc32.ts";
import {
  BLOCK_HEADER,
  BLOCK_MAGIC,
  RECORD_HEADER,
  RecordType,
  type BlockHeader,
  readBlockHeader,
  recordIntact,
  recordLength,
  recordType,
} from "./layout.ts";
import type { SegmentReader } from "./segment-reader.ts";

export interface Block {
  readonly header: BlockHeader;
  /** Where its body begins and ends in the reader's window. */
  readonly at: number;
  readonly end: number;
}

/** The block at this offset: valid with all its records, or only its header, or nothing. */
export async function readBlock(
  reader: SegmentReader,
  salt: number,
  offset: number,
): Promise<{ header: BlockHeader; block: Block | undefined } | undefined> {
  let at = await reader.load(offset, BLOCK_HEADER);
  if (at < 0) return undefined;
  const header = readBlockHeader(reader.bytes, reader.view, at, salt, offset);
  if (header === undefined) return undefined;
  at = await reader.load(offset, BLOCK_HEADER + header.bodyLength);
  if (at < 0) return { header, block: undefined };
  const body = at + BLOCK_HEADER;
  const end = body + header.bodyLength;
  const whole =
    crc32(reader.bytes, body, end, salt, reader.view) === header.bodyCrc &&
    recordsFill(reader.view, body, end, header.count);
  return { header, block: whole ? { header, at: body, end } : undefined };
}

/** Whether the lengths of the records lead exactly to the end of the body. */
function recordsFill(view: DataView, at: number, end: number, count: number): boolean {
  let position = at;
  let records = 0;
  while (position < end) {
    if (end - position < RECORD_HEADER) return false;
    const length = recordLength(view, position);
    if (length < RECORD_HEADER || length > end - position) return false;
    position += length;
    records += 1;
  }
  return records === count;
}

/** The next block after this offset, by its valid header, in a file whose bytes at `offset` are none. */
export async function findBlock(
  reader: SegmentReader,
  salt: number,
  after: number,
): Promise<{ offset: number; header: BlockHeader } | undefined> {
  const magic = (BLOCK_MAGIC ^ salt) >>> 0;
  const first = magic & 255;
  let offset = after + 1;
  while (offset + BLOCK_HEADER <= reader.limit) {
    const at = await reader.load(offset, BLOCK_HEADER);
    if (at < 0) return undefined;
    const end = at + reader.available(offset) - 4;
    let candidate = reader.bytes.indexOf(first, at);
    while (candidate >= 0 && candidate <= end) {
      if (reader.view.getUint32(candidate, true) === magic) break;
      candidate = reader.bytes.indexOf(first, candidate + 1);
    }
    if (candidate < 0 || candidate > end) {
      offset += Math.max(1, end + 1 - at);
      continue;
    }
    const place = offset + candidate - at;
    const found = await reader.load(place, BLOCK_HEADER);
    if (found >= 0) {
      const header = readBlockHeader(reader.bytes, reader.view, found, salt, place);
      if (header !== undefined) return { offset: place, header };
    }
    offset = place + 1;
  }
  return undefined;
}

/** Where the zeros begin that the file ends with, not before this offset: nothing was ever written there. */
export async function startOfZeros(reader: SegmentReader, offset: number): Promise<number> {
  let start = offset;
  for (let next = offset; next < reader.limit;) {
    const at = await reader.load(next, 1);
    if (at < 0) break;
    const end = at + reader.available(next);
    let last = end - 1;
    while (last >= at && reader.bytes[last] === 0) last -= 1;
    if (last >= at) start = next + last + 1 - at;
    next += end - at;
  }
  return start;
}

function isKnownType(type: number): boolean {
  return type >= RecordType.open && type <= RecordType.close;
}

/** The intact records of a body that is not valid as a whole: pairs of where they begin and their length. */
export function intactRecords(
  bytes: Uint8Array,
  view: DataView,
  at: number,
  end: number,
  salt: number,
): { readonly at: number; readonly length: number }[] {
  const records: { at: number; length: number }[] = [];
  let position = at;
  while (position + RECORD_HEADER <= end) {
    const length = recordLength(view, position);
    const fits = length >= RECORD_HEADER && length <= end - position;
    // What cannot be a header is not worth the checksum of megabytes.
    const likely = fits && isKnownType(recordType(view, position));
    if (likely && recordIntact(bytes, view, position, length, salt)) {
      records.push({ at: position, length });
      position += length;
    } else {
      position += 1;
    }
  }
  return records;
}
