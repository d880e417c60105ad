import type { Ending } from "../store.ts";
import { Group } from "./group.ts";
import type { Journal } from "./journal.ts";
import {
  RECORD_HEADER,
  RecordType,
  recordLength,
  recordQueue,
  recordSequence,
  recordTime,
  recordType,
} from "./layout.ts";
import type { LeaseRecord } from "./leases.ts";
import { contentBetween } from "./open-queue.ts";
import { decodeProducer } from "./producer.ts";
import { NO_SETTINGS, QueueState } from "./queue-state.ts";
import type { Segment } from "./segment.ts";
import type { LogPlace } from "./snapshot-entry.ts";
import { decodeState } from "./state-record.ts";

const decoder = new TextDecoder();

/**
 * Bring the queues to what the records of one valid block say. `bytes[at, end)` is its body, which stands
 * at `offset` in the segment. Messages and states may come again: compaction repeats them.
 */
export function replayBlock(
  journal: Journal,
  segment: Segment,
  bytes: Uint8Array,
  view: DataView,
  at: number,
  end: number,
  offset: number,
): void {
  let position = at;
  while (position < end) {
    const length = recordLength(view, position);
    replayRecord(journal, segment, bytes, view, position, length, offset + position - at);
    position += length;
  }
}

export function replayRecord(
  journal: Journal,
  segment: Segment,
  bytes: Uint8Array,
  view: DataView,
  at: number,
  length: number,
  offset: number,
): void {
  const type = recordType(view, at);
  const number = recordQueue(view, at);
  const sequence = recordSequence(view, at);
  const time = recordTime(view, at);
  if (time > journal.lastTime) journal.lastTime = time;
  if (number === 0) {
    replaySession(journal, segment, type, bytes.subarray(at + RECORD_HEADER, at + length));
    return;
  }
  const queue = journal.byNumber.get(number) ?? provisional(journal, number, segment);
  if (journal.covered !== undefined && isCovered(journal.covered.get(number), segment, offset)) {
    return;
  }
  queue.lastSegment = segment.number;
  journal.touched?.add(queue);
  if (type === RecordType.data) {
    replayData(queue, segment, sequence, offset, length - RECORD_HEADER);
    if (time > queue.touchedAt) queue.touchedAt = time;
    return;
  }
  const payload = bytes.subarray(at + RECORD_HEADER, at + length);
  switch (type) {
    case RecordType.open: {
      replayOpen(journal, queue, segment, payload);
      break;
    }
    case RecordType.seal: {
      const { ending } = JSON.parse(decoder.decode(payload)) as { ending: Ending };
      queue.ending = Object.freeze(ending);
      queue.ended = true;
      break;
    }
    case RecordType.trim: {
      if (journal.touched !== undefined)
        subtract(queue, contentBetween(queue, queue.head, sequence));
      queue.head = sequence;
      queue.keptHead = sequence;
      if (sequence > queue.next) queue.next = sequence;
      break;
    }
    case RecordType.cursor: {
      (queue.cursors ??= new Map()).set(decoder.decode(payload), sequence);
      break;
    }
    case RecordType.delete: {
      queue.removed = true;
      segment.tombstones.set(number, queue.firstSegment);
      journal.removals.push(queue);
      break;
    }
    case RecordType.producer: {
      const { id, epoch, sequence: last } = decodeProducer(payload);
      (queue.producers ??= new Map()).set(id, { epoch, sequence: last, end: sequence });
      break;
    }
    case RecordType.gap: {
      const to =
        view.getUint32(at + RECORD_HEADER, true) +
        view.getUint32(at + RECORD_HEADER + 4, true) * 2 ** 32;
      (queue.gaps ??= new Map()).set(sequence, to);
      queue.jumps = 0;
      if (to > queue.next) queue.next = to;
      break;
    }
    case RecordType.order: {
      queue.order = decoder.decode(payload);
      break;
    }
    case RecordType.lease:
    case RecordType.acknowledge:
    case RecordType.release: {
      replayLease(queue, type, JSON.parse(decoder.decode(payload)) as LeaseRecord);
      break;
    }
    default: // TOUCH says no more than its time; types of later versions are left alone.
  }
  if (time > queue.touchedAt) queue.touchedAt = time;
}

/** Whether a snapshot has what this record says. */
function isCovered(place: LogPlace | undefined, segment: Segment, offset: number): boolean {
  if (place === undefined) return false;
  if (segment.number !== place.segment) return segment.number < place.segment;
  return offset < place.offset;
}

/** What the log says of the processes that wrote it. */
function replaySession(
  journal: Journal,
  segment: Segment,
  type: number,
  payload: Uint8Array,
): void {
  journal.closedCleanly = type === RecordType.close;
  if (type !== RecordType.start) return;
  const { boot, jump } = JSON.parse(decoder.decode(payload)) as StartRecord;
  journal.boot = boot;
  if (jump !== true) return;
  for (const queue of journal.byNumber.values()) queue.oweJump(segment.number);
}

/** The payload of a START record, as JSON. */
export interface StartRecord {
  /** Which start of the machine this was; empty where the platform does not tell. */
  readonly boot: string;
  /** Messages that were acknowledged may be lost: every queue leaves a gap. */
  readonly jump?: true;
}

/** A record came before the OPEN record: that was copied into a later segment. */
function provisional(journal: Journal, number: number, segment: Segment): QueueState {
  const queue = new QueueState(number, NO_SETTINGS);
  queue.provisional = true;
  // Of a queue that was removed before the snapshot came to it, there may be records anywhere before.
  queue.firstSegment = journal.covered === undefined ? segment.number : 0;
  journal.add(queue);
  return queue;
}

function replayOpen(
  journal: Journal,
  queue: QueueState,
  segment: Segment,
  payload: Uint8Array,
): void {
  const { settings, restore } = decodeState(payload);
  queue.settings = settings;
  restore(queue);
  queue.anchor = segment.number;
  if (settings.fork === undefined) {
    // Its origin was given up in a salvage.
    queue.parent?.removeFork(queue);
    queue.parent = undefined;
  } else if (queue.parent === undefined) {
    const { queue: parent } = settings.fork;
    queue.parent = journal.byNumber.get(parent) ?? provisional(journal, parent, segment);
    queue.parent.addFork(queue);
    if (journal.touched !== undefined) {
      Object.assign(queue, contentBetween(queue, queue.head, settings.fork.at));
    }
  }
  if (!queue.removed || queue.forkCount > 0) journal.byName.set(settings.name, queue);
  if (queue.removed) journal.removals.push(queue);
}

function replayData(
  queue: QueueState,
  segment: Segment,
  sequence: number,
  offset: number,
  length: number,
): void {
  if (sequence >= queue.next) {
    queue.next = sequence + 1;
    queue.count += 1;
    queue.bytes += length;
  }
  queue.index.set(sequence, segment, offset, length);
}

function subtract(queue: QueueState, content: { count: number; bytes: number }): void {
  queue.count -= content.count;
  queue.bytes -= content.bytes;
}

function replayLease(queue: QueueState, type: number, record: LeaseRecord): void {
  const groups = (queue.groups ??= new Map());
  let group = groups.get(record.group);
  if (group === undefined) groups.set(record.group, (group = new Group()));
  for (const sequence of record.sequences) {
    if (type === RecordType.acknowledge) group.acknowledge(sequence);
    else if (type === RecordType.release) group.release(sequence);
    else group.lease(sequence, record.until ?? 0, record.limit ?? 1);
  }
}
