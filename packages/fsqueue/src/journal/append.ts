import {
  messageTooLarge,
  offsetConflict,
  orderConflict,
  queueFull,
  queueSealed,
} from "../store-errors.ts";
import { checkNext, checkProducer, isDuplicate } from "../producer-rules.ts";
import type { AppendOptions, AppendReceipt, Ending, SealOptions } from "../store.ts";
import type { Batch } from "./batch.ts";
import type { Journal } from "./journal.ts";
import type { Lane } from "./lane.ts";
import { RECORD_HEADER, RecordType } from "./layout.ts";
import { formatOffset } from "./offset.ts";
import { advanceProducer, encodeProducer } from "./producer.ts";
import { JUMP, type QueueState } from "./queue-state.ts";
import { Receipt } from "./receipt.ts";

const encoder = new TextEncoder();
/** Room for a GAP record before the messages. */
const JUMP_RECORD = RECORD_HEADER + 8;
const noOptions: AppendOptions = Object.freeze({});

export function append(
  journal: Journal,
  name: string,
  messages: readonly Uint8Array[],
  options: AppendOptions = noOptions,
): Promise<AppendReceipt> {
  const queue = journal.find(name);
  if (messages.length === 0) throw new TypeError("An append needs at least one message.");
  return appendTo(journal, queue, messages, options, undefined);
}

export function seal(
  journal: Journal,
  name: string,
  ending: Ending,
  options: SealOptions = noOptions,
): Promise<AppendReceipt> {
  return appendTo(journal, journal.find(name), options.messages ?? [], options, ending);
}

function appendTo(
  journal: Journal,
  queue: QueueState,
  messages: readonly Uint8Array[],
  options: AppendOptions,
  ending: Ending | undefined,
): Promise<AppendReceipt> {
  const lane = journal.writer();
  options.signal?.throwIfAborted();
  const payload = payloadOf(journal, queue.name, messages);
  if (options.producer !== undefined) checkProducer(options.producer);
  const known = earlierReceipt(lane, queue, messages, options, ending);
  if (known !== undefined) return known;
  checkConditions(queue, messages.length, payload, options);
  const extras = extrasOf(queue, options, ending);
  const records = messages.length * RECORD_HEADER + JUMP_RECORD;
  const batch = lane.begin(payload + records + sizeOf(extras));
  layDown(lane, batch, queue, messages, payload);
  const { producer, order } = options;
  if (extras.length > 0) {
    const touch = batch.touch(queue);
    for (const { type, bytes } of extras) {
      lane.buffer.record(type, queue.number, queue.next, bytes);
    }
    const before = { ending: queue.ending, order: queue.order };
    batch.onRollback(() => Object.assign(queue, before));
    if (order !== undefined) queue.order = order;
    if (producer !== undefined) batch.onRollback(advanceProducer(queue, producer, queue.next));
    if (ending !== undefined) {
      queue.ending = Object.freeze({ ...ending });
      touch.ends = true;
    }
  }
  const receipt = new Receipt(formatOffset(queue.next), batch, producer?.sequence);
  const kept = lane.promise<AppendReceipt>(
    batch,
    receipt,
    ending !== undefined || options.durable === true,
  );
  return options.signal === undefined ? kept : giveUpOn(options.signal, kept);
}

/** Lay the messages down in the room that was reserved, and count them in. */
export function layDown(
  lane: Lane,
  batch: Batch,
  queue: QueueState,
  messages: readonly Uint8Array[],
  payload: number,
): void {
  const touch = batch.touch(queue);
  const { buffer } = lane;
  if (queue.jumps > 0 && messages.length > 0) leap(lane, batch, queue);
  for (const message of messages) {
    const sequence = queue.next;
    const at = buffer.record(RecordType.data, queue.number, sequence, message);
    queue.index.push(sequence, batch.segment, at, message.length);
    queue.next = sequence + 1;
  }
  queue.count += messages.length;
  queue.bytes += payload;
  touch.end = queue.next;
}

/** Leave the sequences out that a power cut may have taken. */
function leap(lane: Lane, batch: Batch, queue: QueueState): void {
  const from = queue.next;
  const { jumps } = queue;
  const to = from + jumps * JUMP;
  lane.buffer.record(RecordType.gap, queue.number, from, encodeSequence(to));
  queue.jumps = 0;
  queue.next = to;
  const gaps = (queue.gaps ??= new Map());
  gaps.set(from, to);
  batch.onRollback(() => {
    queue.jumps = jumps;
    gaps.delete(from);
  });
}

/** The payload of a GAP record: the sequence after the last one that is left out. */
function encodeSequence(sequence: number): Uint8Array {
  const bytes = new Uint8Array(8);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, sequence >>> 0, true);
  view.setUint32(4, Math.floor(sequence / 2 ** 32), true);
  return bytes;
}

/** The bytes of these messages; throws for what is none or too large. */
export function payloadOf(journal: Journal, name: string, messages: readonly Uint8Array[]): number {
  let bytes = 0;
  const most = journal.options.maxMessageBytes;
  for (const message of messages) {
    if (!(message instanceof Uint8Array)) throw new TypeError("A message is a Uint8Array.");
    if (message.length > most) throw messageTooLarge(name, message.length, most);
    bytes += message.length;
  }
  return bytes;
}

export function checkRoom(queue: QueueState, count: number, payload: number): void {
  const { maxMessages, maxBytes } = queue.settings;
  if (maxMessages !== undefined) {
    const would = queue.count + count;
    if (would > maxMessages) throw queueFull(queue.name, "maxMessages", maxMessages, would);
  }
  if (maxBytes !== undefined) {
    const would = queue.bytes + payload;
    if (would > maxBytes) throw queueFull(queue.name, "maxBytes", maxBytes, would);
  }
}

/** The receipt of a retry, and of the second of two seals; undefined for what is new. */
function earlierReceipt(
  lane: Lane,
  queue: QueueState,
  messages: readonly Uint8Array[],
  { producer, durable }: AppendOptions,
  ending: Ending | undefined,
): Promise<AppendReceipt> | undefined {
  const last = producer === undefined ? undefined : queue.producers?.get(producer.id);
  if (producer !== undefined && last !== undefined && isDuplicate(queue.name, producer, last)) {
    return earlier(lane, last.end, true, last.sequence, ending !== undefined || durable === true);
  }
  if (queue.ending !== undefined) {
    if (ending === undefined || messages.length > 0) {
      throw queueSealed(queue.name, queue.ending, formatOffset(queue.next));
    }
    return earlier(lane, queue.next, false, last?.sequence, true);
  }
  if (producer !== undefined) checkNext(queue.name, producer, last);
  return undefined;
}

/** A receipt for something that was appended before: it waits until that is acknowledged. */
async function earlier(
  lane: Lane,
  end: number,
  duplicate: boolean,
  sequence: number | undefined,
  durable: boolean,
): Promise<AppendReceipt> {
  await lane.barrier(durable);
  return {
    offset: formatOffset(end),
    duplicate,
    ...(sequence === undefined ? {} : { sequence }),
    get durable() {
      return lane.barrier(true);
    },
  };
}

function checkConditions(
  queue: QueueState,
  count: number,
  payload: number,
  { expect, order }: AppendOptions,
): void {
  if (expect !== undefined) {
    const end = formatOffset(queue.next);
    if (expect !== end) throw offsetConflict(queue.name, expect, end);
  }
  if (order !== undefined && queue.order !== undefined) {
    if (Buffer.compare(Buffer.from(order), Buffer.from(queue.order)) <= 0) {
      throw orderConflict(queue.name, order, queue.order);
    }
  }
  if (queue.limited) checkRoom(queue, count, payload);
}

interface Extra {
  readonly type: number;
  readonly bytes: Uint8Array;
}

/** The records that stand beside the messages, in the same block. */
function extrasOf(
  queue: QueueState,
  { producer, order }: AppendOptions,
  ending: Ending | undefined,
): readonly Extra[] {
  if (producer === undefined && order === undefined && ending === undefined) return noExtras;
  const extras: Extra[] = [];
  if (producer !== undefined) {
    extras.push({ type: RecordType.producer, bytes: encodeProducer(producer) });
  }
  if (order !== undefined) {
    extras.push({ type: RecordType.order, bytes: encoder.encode(order) });
  }
  if (ending !== undefined) {
    extras.push({ type: RecordType.seal, bytes: encodeEnding(ending) });
  }
  return extras;
}

const noExtras: readonly Extra[] = Object.freeze([]);

function sizeOf(extras: readonly Extra[]): number {
  let bytes = 0;
  for (const extra of extras) bytes += RECORD_HEADER + extra.bytes.length;
  return bytes;
}

/** The payload of a SEAL record. */
export function encodeEnding(ending: Ending): Uint8Array {
  return encoder.encode(JSON.stringify({ ending }));
}

/** Stop waiting when the signal says so; what was laid down may still be written. */
async function giveUpOn<T>(signal: AbortSignal, promise: Promise<T>): Promise<T> {
  const done = new AbortController();
  const aborted = new Promise<never>((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), {
      once: true,
      signal: done.signal,
    });
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    done.abort();
  }
}
