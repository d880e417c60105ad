import type { Offset } from "../store.ts";
import type { Journal } from "./journal.ts";
import { formatOffset } from "./offset.ts";
import type { QueueState } from "./queue-state.ts";
import { replayRecord } from "./replay.ts";
import { findBlock, intactRecords } from "./scan.ts";
import type { Segment } from "./segment.ts";
import type { SegmentReader } from "./segment-reader.ts";

/** Messages that are lost to damage. Readers go from `from` to `to` as if nothing stood between. */
export interface Loss {
  /** Undefined when even the name is lost. */
  readonly queue: string | undefined;
  readonly from: Offset;
  readonly to: Offset;
}

/** No more than this is looked through for records at a time. */
const LARGEST_STRETCH = 16 << 20;

/** Take what is intact from damaged bytes; returns where to read on: the next block, or the end. */
export async function salvageStretch(
  journal: Journal,
  reader: SegmentReader,
  segment: Segment,
  offset: number,
): Promise<number> {
  segment.damaged = true;
  const next = await findBlock(reader, segment.salt, offset);
  const end = next?.offset ?? reader.limit;
  const length = Math.min(end - offset, LARGEST_STRETCH);
  const at = await reader.load(offset, length);
  if (at >= 0) {
    const { bytes, view } = reader;
    for (const record of intactRecords(bytes, view, at, at + length, segment.salt)) {
      const place = offset + record.at - at;
      replayRecord(journal, segment, bytes, view, record.at, record.length, place);
    }
  }
  return end;
}

/** The messages from `from` to `to` are not there: leave a gap, and tell. */
export function loseMessages(journal: Journal, queue: QueueState, from: number, to: number): void {
  journal.lossy = true;
  (queue.gaps ??= new Map()).set(from, to);
  journal.options.salvage?.({
    queue: queue.name,
    from: formatOffset(from),
    to: formatOffset(to),
  });
}

/** Of this queue records were found, but neither its name nor its options: it is as if deleted. */
export function loseQueue(journal: Journal, queue: QueueState): void {
  journal.lossy = true;
  journal.options.salvage?.({
    queue: undefined,
    from: formatOffset(0),
    to: formatOffset(queue.next),
  });
  for (const fork of queue.forkedQueues()) detach(fork);
  journal.forget(queue);
  journal.unburied.push(queue);
}

/** The origin of this fork is lost, and with it the messages up to the fork. */
function detach(fork: QueueState): void {
  const { fork: origin, ...settings } = fork.settings;
  fork.head = Math.max(fork.head, origin?.at ?? 0);
  fork.keptHead = fork.head;
  fork.settings = settings;
  fork.parent = undefined;
}
