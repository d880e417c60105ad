import { checkName } from "../store-name.ts";
import type { Delivery, Leases, Offset } from "../store.ts";
import { Group } from "./group.ts";
import type { Journal } from "./journal.ts";
import { RECORD_HEADER, RecordType } from "./layout.ts";
import { parseOffset } from "./offset.ts";
import type { QueueState } from "./queue-state.ts";
import { fetchOne } from "./read.ts";

const encoder = new TextEncoder();

/** The payload of LEASE, ACK and RELEASE records, as JSON. */
export interface LeaseRecord {
  readonly group: string;
  readonly sequences: readonly number[];
  /** LEASE only. */
  readonly until?: number;
  readonly limit?: number;
}

export function createLeases(journal: Journal): Leases {
  return {
    async acquire(name, groupName, { max, visibilityMs, maxDeliveries }) {
      const queue = journal.find(name);
      journal.writer();
      const group = groupOf(queue, groupName);
      const now = journal.options.clock.now();
      const sequences = group.available(queue.head, queue.tail, now, max, maxDeliveries);
      if (sequences.length === 0) return [];
      const until = now + visibilityMs;
      const handed = sequences.map(
        (sequence) => [sequence, group.lease(sequence, until, maxDeliveries).deliveries] as const,
      );
      const deliveries = deliver(journal, queue, handed);
      const record = { group: groupName, sequences, until, limit: maxDeliveries };
      await stage(journal, queue, RecordType.lease, record, false);
      return deliveries;
    },
    async acknowledge(name, groupName, offsets) {
      const queue = journal.find(name);
      const group = groupOf(queue, groupName);
      const sequences = sequencesOf(queue, offsets);
      for (const sequence of sequences) group.acknowledge(sequence);
      if (sequences.length === 0) return;
      await stage(journal, queue, RecordType.acknowledge, { group: groupName, sequences }, true);
    },
    async release(name, groupName, offsets) {
      const queue = journal.find(name);
      const group = groupOf(queue, groupName);
      const sequences = sequencesOf(queue, offsets);
      for (const sequence of sequences) group.release(sequence);
      if (sequences.length === 0) return;
      await stage(journal, queue, RecordType.release, { group: groupName, sequences }, false);
    },
    async dead(name, groupName) {
      const queue = journal.find(name);
      const group = groupOf(queue, groupName);
      const dead = group.dead(queue.head, journal.options.clock.now());
      return deliver(
        journal,
        queue,
        dead.map((sequence) => [sequence, group.leases.get(sequence)?.deliveries ?? 0] as const),
      );
    },
    async nextExpiry(name, groupName) {
      const queue = journal.find(name);
      return queue.groups?.get(groupName)?.nextExpiry(journal.options.clock.now());
    },
  };
}

function groupOf(queue: QueueState, name: string): Group {
  checkName(name);
  const groups = (queue.groups ??= new Map());
  let group = groups.get(name);
  if (group === undefined) groups.set(name, (group = new Group()));
  return group;
}

/** The messages that end at these offsets; those the queue does not know are left out. */
function sequencesOf(queue: QueueState, offsets: readonly Offset[]): number[] {
  return offsets.flatMap((offset) => {
    const end = parseOffset(offset);
    return end === undefined || end < 1 || end > queue.tail ? [] : [end - 1];
  });
}

async function deliver(
  journal: Journal,
  queue: QueueState,
  handed: readonly (readonly [sequence: number, deliveries: number])[],
): Promise<Delivery[]> {
  const messages = await Promise.all(
    handed.map(async ([sequence]) => fetchOne(journal, queue, sequence)),
  );
  return messages.flatMap((message, at) =>
    message === undefined ? [] : [{ ...message, deliveries: handed[at]![1] }],
  );
}

/**
 * What a group did is not undone when it cannot be written: a lease that only memory knows costs a
 * delivery at worst, and the caller of `acknowledge` is told.
 */
function stage(
  journal: Journal,
  queue: QueueState,
  type: number,
  record: LeaseRecord,
  durable: boolean,
): Promise<undefined> {
  const lane = journal.writer();
  const payload = encoder.encode(JSON.stringify(record));
  const batch = lane.begin(RECORD_HEADER + payload.length);
  batch.touch(queue);
  lane.buffer.record(type, queue.number, queue.next, payload);
  return lane.promise(batch, undefined, durable);
}
