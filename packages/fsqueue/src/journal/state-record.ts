import type { Ending } from "../store.ts";
import { Group } from "./group.ts";
import { QueueState, type QueueSettings } from "./queue-state.ts";

/**
 * The payload of an OPEN record: everything about a queue but its messages, as JSON. A queue begins with
 * one; retention writes another into a newer segment, so that the records before it are not needed.
 * What has its default value is left out.
 */
interface StateRecord {
  name: string;
  created: number;
  metadata?: Readonly<Record<string, string>>;
  ttl?: number;
  expires?: number;
  owned?: true;
  maxMessages?: number;
  maxBytes?: number;
  fork?: { from: string; queue: number; at: number };
  head?: number;
  next?: number;
  gaps?: [number, number][];
  jump?: number;
  removed?: true;
  touched?: number;
  ending?: Ending;
  order?: string;
  /** id, epoch, sequence, end */
  producers?: [string, number, number, number][];
  /** name, position */
  cursors?: [string, number][];
  groups?: GroupRecord[];
}

interface GroupRecord {
  name: string;
  floor: number;
  acknowledged: number[];
  /** sequence, deliveries, limit, until */
  leases: [number, number, number, number][];
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

export function encodeState(queue: QueueState): Uint8Array {
  const { settings } = queue;
  const state: StateRecord = { name: settings.name, created: settings.createdAt };
  if (Object.keys(settings.metadata).length > 0) state.metadata = settings.metadata;
  if (settings.ttlMs !== undefined) {
    state.ttl = settings.ttlMs;
    state.touched = queue.touchedAt;
  }
  if (settings.expiresAt !== undefined) state.expires = settings.expiresAt;
  if (settings.owned) state.owned = true;
  if (settings.maxMessages !== undefined) state.maxMessages = settings.maxMessages;
  if (settings.maxBytes !== undefined) state.maxBytes = settings.maxBytes;
  if (settings.fork !== undefined) state.fork = settings.fork;
  if (queue.head > 0) state.head = queue.head;
  if (queue.next > 0) state.next = queue.next;
  if (queue.gaps !== undefined) state.gaps = [...queue.gaps];
  if (queue.jumps > 0) state.jump = queue.jumps;
  // This record stands behind the deletion, and is refused with it.
  if (queue.removed || queue.removing) state.removed = true;
  if (queue.ending !== undefined) state.ending = queue.ending;
  if (queue.order !== undefined) state.order = queue.order;
  if (queue.producers !== undefined) {
    state.producers = [...queue.producers].map(([id, { epoch, sequence, end }]) => [
      id,
      epoch,
      sequence,
      end,
    ]);
  }
  if (queue.cursors !== undefined) state.cursors = [...queue.cursors];
  if (queue.groups !== undefined) {
    state.groups = [...queue.groups].map(([name, group]) => ({
      name,
      floor: group.floor,
      acknowledged: [...group.acknowledged],
      leases: [...group.leases].map(([sequence, lease]) => [
        sequence,
        lease.deliveries,
        lease.limit,
        lease.until,
      ]),
    }));
  }
  return encoder.encode(JSON.stringify(state));
}

/** The settings in an OPEN record, and what to do to a queue to bring it to the recorded state. */
export function decodeState(payload: Uint8Array): {
  settings: QueueSettings;
  restore: (queue: QueueState) => void;
} {
  const state = JSON.parse(decoder.decode(payload)) as StateRecord;
  return { settings: settingsOf(state), restore: (queue) => restoreState(queue, state) };
}

function settingsOf(state: StateRecord): QueueSettings {
  return {
    name: state.name,
    createdAt: state.created,
    metadata: Object.freeze({ ...state.metadata }),
    owned: state.owned === true,
    ...(state.ttl === undefined ? {} : { ttlMs: state.ttl }),
    ...(state.expires === undefined ? {} : { expiresAt: state.expires }),
    ...(state.maxMessages === undefined ? {} : { maxMessages: state.maxMessages }),
    ...(state.maxBytes === undefined ? {} : { maxBytes: state.maxBytes }),
    ...(state.fork === undefined ? {} : { fork: state.fork }),
  };
}

function restoreState(queue: QueueState, state: StateRecord): void {
  queue.provisional = false;
  queue.head = state.head ?? 0;
  queue.keptHead = queue.head;
  queue.next = Math.max(queue.next, state.next ?? 0);
  queue.tail = queue.next;
  queue.gaps = state.gaps === undefined ? undefined : new Map(state.gaps);
  queue.jumps = state.jump ?? 0;
  queue.removed = state.removed === true;
  queue.touchedAt = state.touched ?? state.created;
  queue.recordedTouch = queue.touchedAt;
  queue.ending = state.ending;
  queue.ended = state.ending !== undefined;
  queue.order = state.order;
  queue.producers =
    state.producers === undefined
      ? undefined
      : new Map(
          state.producers.map(([id, epoch, sequence, end]) => [id, { epoch, sequence, end }]),
        );
  queue.cursors = state.cursors === undefined ? undefined : new Map(state.cursors);
  queue.groups =
    state.groups === undefined
      ? undefined
      : new Map(state.groups.map((group) => [group.name, groupOf(group)]));
}

function groupOf(record: GroupRecord): Group {
  const group = new Group();
  group.floor = record.floor;
  for (const sequence of record.acknowledged) group.acknowledged.add(sequence);
  for (const [sequence, deliveries, limit, until] of record.leases) {
    group.leases.set(sequence, { deliveries, limit, until });
  }
  return group;
}
