import { differingOptions, checkOpenOptions } from "../open-options.ts";
import { offsetInvalid, offsetTrimmed, queueExists, queueRemoved } from "../store-errors.ts";
import { checkName } from "../store-name.ts";
import type { Offset, OpenOptions, QueueInfo } from "../store.ts";
import { checkRoom, encodeEnding, layDown, payloadOf } from "./append.ts";
import { infoOf } from "./info.ts";
import type { Journal } from "./journal.ts";
import { RECORD_HEADER, RecordType } from "./layout.ts";
import { formatOffset, parseOffset } from "./offset.ts";
import { QueueState, type QueueSettings } from "./queue-state.ts";
import { encodeState } from "./state-record.ts";

/** Find the queue, or lay down what creates it: its OPEN record, first messages and end in one block. */
export async function openQueue(
  journal: Journal,
  name: string,
  options: OpenOptions | undefined,
): Promise<{ created: boolean; info: QueueInfo }> {
  journal.assertOpen();
  checkName(name);
  if (options !== undefined) checkOpenOptions(options);
  const existing = journal.peek(name);
  if (existing !== undefined) {
    const differs =
      options === undefined ? [] : differingOptions(infoOf(journal, existing), options);
    if (differs.length > 0) throw queueExists(name, differs);
    existing.claimed = true;
    existing.touchedAt = journal.options.clock.now();
    // Who is told that it exists must not see it vanish: wait for its creation.
    if (existing.uncommitted) await journal.lane?.barrier(false);
    return { created: false, info: infoOf(journal, existing) };
  }
  if (journal.byName.has(name)) throw queueRemoved(name);
  const queue = createQueue(journal, name, options ?? {});
  return stageQueue(journal, queue, options ?? {});
}

function createQueue(journal: Journal, name: string, options: OpenOptions): QueueState {
  const lane = journal.writer();
  const now = journal.options.clock.now();
  const { metadata = {}, ttlMs, expiresAt, owned = false, maxMessages, maxBytes, fork } = options;
  const parent = fork === undefined ? undefined : journal.find(fork.from);
  const at = parent === undefined ? 0 : forkPoint(parent, fork?.at);
  const settings: QueueSettings = {
    name,
    createdAt: now,
    metadata: Object.freeze({ ...metadata }),
    owned,
    ...(ttlMs === undefined ? {} : { ttlMs }),
    ...(expiresAt === undefined ? {} : { expiresAt }),
    ...(maxMessages === undefined ? {} : { maxMessages }),
    ...(maxBytes === undefined ? {} : { maxBytes }),
    ...(parent === undefined ? {} : { fork: { from: parent.name, queue: parent.number, at } }),
  };
  const queue = new QueueState(journal.nextQueue, settings);
  queue.claimed = true;
  queue.touchedAt = now;
  queue.recordedTouch = now;
  queue.firstSegment = lane.active?.number ?? 0;
  if (parent !== undefined) {
    queue.parent = parent;
    queue.head = parent.head;
    queue.keptHead = parent.head;
    queue.next = at;
    queue.tail = Math.min(at, parent.tail);
    Object.assign(queue, contentBetween(queue, queue.head, at));
  }
  return queue;
}

async function stageQueue(
  journal: Journal,
  queue: QueueState,
  options: OpenOptions,
): Promise<{ created: boolean; info: QueueInfo }> {
  const lane = journal.writer();
  const { messages = [], ending } = options;
  const payload = payloadOf(journal, queue.name, messages);
  checkRoom(queue, messages.length, payload);
  const state = encodeState(queue);
  const end = ending === undefined ? undefined : encodeEnding(ending);
  const batch = lane.begin(
    RECORD_HEADER * (2 + messages.length) + state.length + payload + (end?.length ?? 0),
  );
  const touch = batch.touch(queue);
  queue.firstSegment = batch.segment.number;
  queue.anchor = batch.segment.number;
  queue.uncommitted = true;
  lane.buffer.record(RecordType.open, queue.number, queue.next, state);
  if (messages.length > 0) layDown(lane, batch, queue, messages, payload);
  if (ending !== undefined) {
    lane.buffer.record(RecordType.seal, queue.number, queue.next, end);
    queue.ending = Object.freeze({ ...ending });
    touch.ends = true;
  }
  journal.add(queue);
  batch.onRollback(() => {
    journal.forget(queue);
  });
  batch.onCommit(() => {
    queue.uncommitted = false;
    journal.watchExpiry(queue);
  });
  await lane.promise(batch, undefined, ending !== undefined);
  return { created: true, info: infoOf(journal, queue) };
}

function forkPoint(parent: QueueState, at: Offset | undefined): number {
  if (at === undefined) return parent.next;
  const sequence = parseOffset(at);
  if (sequence === undefined || sequence > parent.next) {
    throw offsetInvalid(parent.name, at, formatOffset(parent.next));
  }
  if (sequence < parent.head) throw offsetTrimmed(parent.name, at, formatOffset(parent.head));
  return sequence;
}

/** How many messages these are and their bytes, wherever they stand: with the queue, or its origins. */
export function contentBetween(
  queue: QueueState,
  from: number,
  to: number,
): { count: number; bytes: number } {
  const content = { count: 0, bytes: 0 };
  let end = to;
  for (let at: QueueState | undefined = queue; at !== undefined && from < end; at = at.parent) {
    at.index.measure(Math.max(from, at.ownFrom), end, content);
    end = Math.min(end, at.ownFrom);
  }
  return content;
}
