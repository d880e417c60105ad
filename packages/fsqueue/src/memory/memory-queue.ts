import type { ProducerState } from "../producer-rules.ts";
import { checkNext, isDuplicate } from "../producer-rules.ts";
import {
  offsetConflict,
  offsetInvalid,
  offsetTrimmed,
  orderConflict,
  queueFull,
  queueSealed,
} from "../store-errors.ts";
import type {
  AppendOptions,
  AppendReceipt,
  Ending,
  Offset,
  OpenOptions,
  Position,
  QueueInfo,
  ReadOptions,
  ReadResult,
  StoredMessage,
} from "../store.ts";
import { Waiters } from "../waiters.ts";
import { LeaseGroup } from "./lease-group.ts";

const digits = 16;
const alreadyDurable = Promise.resolve();

/** The state of one queue. It knows its own rules; who may call what is the store's business. */
export class MemoryQueue {
  readonly name: string;
  readonly #id: string;
  readonly #createdAt: number;
  readonly #options: OpenOptions;
  readonly #fork: { readonly from: string; readonly at: Offset } | undefined;
  /** Only messages from `#first` onward are live; those before it are dropped in bulk. */
  #messages: StoredMessage[] = [];
  #first = 0;
  /** The sequence of the last message; that of the first live one follows from the count. */
  #tail = 0;
  #bytes = 0;
  #usedAt: number;
  #lastTime = 0;
  #ending: Ending | undefined;
  #lastOrder: string | undefined;
  readonly #producers = new Map<string, ProducerState & { readonly offset: Offset }>();
  readonly #groups = new Map<string, LeaseGroup>();
  readonly cursors: Map<string, Offset> = new Map();
  readonly waiters: Waiters = new Waiters();
  /** Who is told of every change, without asking again each time. */
  readonly listeners: Set<() => void> = new Set();
  /** How many existing queues were forked from this one. */
  forks = 0;
  readonly origin: MemoryQueue | undefined;

  constructor(name: string, id: string, now: number, options: OpenOptions, origin?: MemoryQueue) {
    this.name = name;
    this.#id = id;
    this.#createdAt = now;
    this.#usedAt = now;
    this.#options = options;
    this.origin = origin;
    if (options.fork !== undefined && origin !== undefined) {
      const at = origin.sequenceOf(options.fork.at ?? "now");
      this.#fork = { from: options.fork.from, at: offsetOf(at) };
      this.#tail = at;
      this.#messages = origin.#messages.slice(origin.#first, origin.#first + at - origin.#head);
      for (const message of this.#messages) this.#bytes += message.data.length;
      this.#lastTime = this.#messages.at(-1)?.time ?? 0;
    }
  }

  get #head(): number {
    return this.#tail - (this.#messages.length - this.#first);
  }

  get tail(): Offset {
    return offsetOf(this.#tail);
  }

  get messageCount(): number {
    return this.#messages.length - this.#first;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** There may be something new to tell. */
  changed(): void {
    this.waiters.wake();
    for (const listener of this.listeners) listener();
  }

  touch(now: number): void {
    this.#usedAt = now;
  }

  deadline(): number {
    const { ttlMs, expiresAt } = this.#options;
    return expiresAt ?? (ttlMs === undefined ? Infinity : this.#usedAt + ttlMs);
  }

  append(
    batch: readonly Uint8Array[],
    now: number,
    options: AppendOptions,
    ending?: Ending,
  ): AppendReceipt {
    const { producer, expect, order } = options;
    const last = producer === undefined ? undefined : this.#producers.get(producer.id);
    if (producer !== undefined && last !== undefined && isDuplicate(this.name, producer, last)) {
      const { offset, sequence } = last;
      return { offset, duplicate: true, sequence, durable: alreadyDurable };
    }
    if (this.#ending !== undefined) {
      // Ending twice is fine; adding something while at it is not.
      if (ending !== undefined && batch.length === 0) return this.#receipt(last?.sequence);
      throw queueSealed(this.name, this.#ending, this.tail);
    }
    if (producer !== undefined) checkNext(this.name, producer, last);
    if (expect !== undefined && expect !== this.tail) {
      throw offsetConflict(this.name, expect, this.tail);
    }
    if (order !== undefined) this.#checkOrder(order);
    this.#checkRoom(batch);
    this.#add(batch, now);
    if (order !== undefined) this.#lastOrder = order;
    if (ending !== undefined) this.#ending = { ...ending };
    if (producer !== undefined) {
      const { id, epoch, sequence } = producer;
      this.#producers.set(id, { epoch, sequence, offset: this.tail });
    }
    this.changed();
    return this.#receipt(producer?.sequence);
  }

  read(from: Position, options: ReadOptions): ReadResult {
    const start = this.sequenceOf(from);
    const head = this.#head;
    const { max = 1000, maxBytes = 1 << 20 } = options;
    const begin = this.#first + start - head;
    let end = begin;
    let bytes = 0;
    const limit = Math.min(this.#messages.length, begin + max);
    while (end < limit && bytes < maxBytes) {
      bytes += this.#messages[end]?.data.length ?? 0;
      end += 1;
    }
    const messages = this.#messages.slice(begin, end);
    const atEnd = end === this.#messages.length;
    const next = offsetOf(start + messages.length);
    return atEnd && this.#ending !== undefined
      ? { messages, next, atEnd, ending: this.#ending }
      : { messages, next, atEnd };
  }

  /** Whether a read after this offset would give or tell something. */
  hasNewsAfter(after: Offset): boolean {
    const sequence = this.#parse(after);
    return sequence < this.#tail || this.#ending !== undefined;
  }

  take(max: number): StoredMessage[] {
    const taken = this.#messages.slice(this.#first, this.#first + max);
    this.#drop(taken.length);
    return taken;
  }

  trim(upTo: Offset | "now"): number {
    const sequence = upTo === "now" ? this.#tail : this.#parse(upTo);
    const count = Math.max(0, sequence - this.#head);
    this.#drop(count);
    return count;
  }

  /** Throws unless it is an offset of this queue, still kept or not. */
  checkOffset(offset: Offset): void {
    this.#parse(offset);
  }

  group(name: string): LeaseGroup {
    let group = this.#groups.get(name);
    if (group === undefined) this.#groups.set(name, (group = new LeaseGroup()));
    return group;
  }

  /** The first and last live sequence, as leases count them: after `head`, up to `tail`. */
  get range(): { head: number; tail: number } {
    return { head: this.#head, tail: this.#tail };
  }

  at(sequence: number): StoredMessage | undefined {
    return this.#messages[this.#first + sequence - this.#head - 1];
  }

  /** The message after this sequence; undefined at the end. */
  after(sequence: number): StoredMessage | undefined {
    const head = this.#head;
    if (sequence < head) throw offsetTrimmed(this.name, offsetOf(sequence), offsetOf(head));
    return this.#messages[this.#first + sequence - head];
  }

  /** How the queue ended, if it ends after this sequence. */
  endingAt(sequence: number): Ending | undefined {
    return sequence === this.#tail ? this.#ending : undefined;
  }

  /** The sequence behind an offset; undefined if it is none of this queue. */
  trySequence(offset: Offset): number | undefined {
    const sequence = sequenceIn(offset);
    return sequence !== undefined && sequence <= this.#tail ? sequence : undefined;
  }

  info(): QueueInfo {
    const { metadata = {}, ttlMs, expiresAt, owned = false, maxMessages, maxBytes } = this.#options;
    return {
      name: this.name,
      id: this.#id,
      createdAt: this.#createdAt,
      head: offsetOf(this.#head),
      tail: this.tail,
      messages: this.messageCount,
      bytes: this.#bytes,
      metadata,
      owned,
      ...(this.#ending !== undefined && { ending: this.#ending }),
      ...(ttlMs !== undefined && { ttlMs }),
      ...(expiresAt !== undefined && { expiresAt }),
      ...(this.#fork !== undefined && { fork: this.#fork }),
      ...(maxMessages !== undefined && { maxMessages }),
      ...(maxBytes !== undefined && { maxBytes }),
    };
  }

  #add(batch: readonly Uint8Array[], now: number): void {
    const time = Math.max(now, this.#lastTime);
    this.#lastTime = time;
    for (const data of batch) {
      this.#tail += 1;
      this.#bytes += data.length;
      this.#messages.push({ offset: offsetOf(this.#tail), data: data.slice(), time });
    }
  }

  #drop(count: number): void {
    for (let index = this.#first; index < this.#first + count; index++) {
      this.#bytes -= this.#messages[index]?.data.length ?? 0;
    }
    this.#first += count;
    if (this.#first === this.#messages.length || this.#first > 1024) {
      this.#messages = this.#messages.slice(this.#first);
      this.#first = 0;
    }
  }

  #checkOrder(order: string): void {
    const last = this.#lastOrder;
    if (last !== undefined && Buffer.compare(Buffer.from(order), Buffer.from(last)) <= 0) {
      throw orderConflict(this.name, order, last);
    }
  }

  #checkRoom(batch: readonly Uint8Array[]): void {
    const { maxMessages = Infinity, maxBytes = Infinity } = this.#options;
    const count = this.messageCount + batch.length;
    if (count > maxMessages) throw queueFull(this.name, "maxMessages", maxMessages, count);
    if (maxBytes === Infinity) return;
    const size = batch.reduce((sum, data) => sum + data.length, this.#bytes);
    if (size > maxBytes) throw queueFull(this.name, "maxBytes", maxBytes, size);
  }

  #receipt(sequence: number | undefined): AppendReceipt {
    const receipt = { offset: this.tail, duplicate: false, durable: alreadyDurable };
    return sequence === undefined ? receipt : { ...receipt, sequence };
  }

  /** The sequence behind a position; throws for one that cannot be read from. */
  sequenceOf(position: Position): number {
    if (position === "start") return this.#head;
    if (position === "now") return this.#tail;
    const sequence = this.#parse(position);
    if (sequence < this.#head) throw offsetTrimmed(this.name, position, offsetOf(this.#head));
    return sequence;
  }

  #parse(offset: Offset): number {
    const sequence = this.trySequence(offset);
    if (sequence === undefined) throw offsetInvalid(this.name, offset, this.tail);
    return sequence;
  }
}

export function offsetOf(sequence: number): Offset {
  return String(sequence).padStart(digits, "0");
}

function sequenceIn(offset: Offset): number | undefined {
  return /^\d{16}$/.test(offset) ? Number(offset) : undefined;
}
