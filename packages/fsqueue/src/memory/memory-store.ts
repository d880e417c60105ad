import { randomUUID } from "node:crypto";
import { type Clock, systemClock } from "../clock.ts";
import { checkOpenOptions, differingOptions } from "../open-options.ts";
import { checkProducer } from "../producer-rules.ts";
import {
  cursorConflict,
  messageTooLarge,
  queueExists,
  queueNotFound,
  queueRemoved,
  storeClosed,
} from "../store-errors.ts";
import { checkName } from "../store-name.ts";
import type {
  AppendOptions,
  AppendReceipt,
  Delivery,
  Ending,
  Leases,
  LiveListener,
  LiveReader,
  Offset,
  OpenOptions,
  Position,
  QueueInfo,
  ReadOptions,
  ReadResult,
  SealOptions,
  Store,
  StoreCapabilities,
  StoredMessage,
  StoreStats,
  WaitSignal,
} from "../store.ts";
import { Deadlines } from "./deadlines.ts";
import { MemoryQueue } from "./memory-queue.ts";
import { MemoryReader } from "./memory-reader.ts";

/** Options of {@link createMemoryStore}. */
export interface MemoryStoreOptions {
  /** Default: the machine's time. */
  readonly clock?: Clock;
  /** The largest message in bytes. Default 16 MiB. */
  readonly maxMessageBytes?: number;
}

/**
 * A store that lives and dies with the process: for tests, and for queues that need not outlive a
 * restart. It keeps the whole contract; `durable` promises resolve at once and mean nothing.
 */
export function createMemoryStore(options: MemoryStoreOptions = {}): Store {
  return new MemoryStore(options);
}

class MemoryStore implements Store {
  readonly capabilities: StoreCapabilities;
  readonly #clock: Clock;
  readonly #queues = new Map<string, MemoryQueue>();
  /** Removed queues whose messages forks still use, by name. */
  readonly #removed = new Map<string, MemoryQueue>();
  readonly #deadlines: Deadlines;
  #closed = false;

  constructor({ clock = systemClock, maxMessageBytes = 16 << 20 }: MemoryStoreOptions) {
    this.#clock = clock;
    this.#deadlines = new Deadlines(clock);
    this.capabilities = {
      persistent: false,
      durable: false,
      forks: true,
      leases: true,
      readonly: false,
      maxMessageBytes,
    };
  }

  async open(name: string, options?: OpenOptions): Promise<{ created: boolean; info: QueueInfo }> {
    this.#checkOpen();
    checkName(name);
    if (options !== undefined) checkOpenOptions(options);
    const existing = this.#find(name);
    if (existing !== undefined) {
      const info = existing.info();
      const differs = options === undefined ? [] : differingOptions(info, options);
      if (differs.length > 0) throw queueExists(name, differs);
      existing.touch(this.#clock.now());
      return { created: false, info };
    }
    if (this.#removed.has(name)) throw queueRemoved(name);
    const queue = this.#create(name, options ?? {});
    return { created: true, info: queue.info() };
  }

  async append(
    name: string,
    batch: readonly Uint8Array[],
    options: AppendOptions = {},
  ): Promise<AppendReceipt> {
    const queue = this.#use(name);
    if (batch.length === 0) throw new TypeError("An append needs at least one message.");
    this.#checkAppend(name, batch, options);
    return queue.append(batch, this.#clock.now(), options);
  }

  async seal(name: string, ending: Ending, options: SealOptions = {}): Promise<AppendReceipt> {
    const queue = this.#use(name);
    const { messages = [] } = options;
    this.#checkAppend(name, messages, options);
    return queue.append(messages, this.#clock.now(), options, ending);
  }

  async read(name: string, from: Position, options: ReadOptions = {}): Promise<ReadResult> {
    return this.#use(name).read(from, options);
  }

  wait(name: string, after: Offset, signal?: WaitSignal): Promise<void> {
    try {
      if (signal?.aborted === true) throw signal.reason;
      const queue = this.#get(name);
      return queue.hasNewsAfter(after) ? Promise.resolve() : queue.waiters.wait(signal);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  follow(name: string, from: Position, listener: LiveListener): LiveReader {
    const queue = this.#use(name);
    const use = (): void => {
      if (this.#use(name) !== queue) throw queueNotFound(name);
    };
    return new MemoryReader(queue, from, use, listener);
  }

  async take(name: string, max: number): Promise<readonly StoredMessage[]> {
    return this.#use(name).take(max);
  }

  async trim(name: string, upTo: Offset | "now"): Promise<number> {
    return this.#use(name).trim(upTo);
  }

  async remove(name: string): Promise<boolean> {
    this.#checkOpen();
    const queue = this.#find(name);
    if (queue !== undefined) this.#drop(queue);
    return queue !== undefined;
  }

  readonly cursors: Store["cursors"] = {
    get: async (name, group) => this.#use(name).cursors.get(group),
    set: async (name, group, offset, options) => {
      const queue = this.#use(name);
      queue.checkOffset(offset);
      const present = queue.cursors.get(group);
      if (options !== undefined && options.expect !== present) {
        throw cursorConflict(name, group, options.expect, present);
      }
      queue.cursors.set(group, offset);
    },
  };

  readonly leases: Leases = {
    acquire: async (name, group, options) => {
      const queue = this.#use(name);
      const { head, tail } = queue.range;
      const leases = queue.group(group).acquire(head, tail, this.#clock.now(), options);
      return deliveriesOf(queue, leases);
    },
    acknowledge: async (name, group, offsets) => {
      const queue = this.#use(name);
      for (const offset of offsets) {
        const sequence = queue.trySequence(offset);
        if (sequence !== undefined) queue.group(group).acknowledge(sequence);
      }
    },
    release: async (name, group, offsets) => {
      const queue = this.#use(name);
      for (const offset of offsets) {
        const sequence = queue.trySequence(offset);
        if (sequence !== undefined) queue.group(group).release(sequence);
      }
      queue.waiters.wake();
    },
    dead: async (name, group) => {
      const queue = this.#use(name);
      return deliveriesOf(queue, queue.group(group).dead(queue.range.head, this.#clock.now()));
    },
    nextExpiry: async (name, group) => {
      return this.#use(name).group(group).nextExpiry(this.#clock.now());
    },
  };

  async info(name: string): Promise<QueueInfo | undefined> {
    this.#checkOpen();
    return this.#find(name)?.info();
  }

  async *list(prefix = ""): AsyncIterable<QueueInfo> {
    this.#checkOpen();
    const names = [...this.#queues.keys()].filter((name) => name.startsWith(prefix));
    const sorted = names.map((name) => Buffer.from(name)).toSorted((a, b) => Buffer.compare(a, b));
    for (const name of sorted) {
      this.#checkOpen();
      const queue = this.#find(name.toString());
      if (queue !== undefined) yield queue.info();
    }
  }

  async orphans(): Promise<readonly QueueInfo[]> {
    this.#checkOpen();
    return [];
  }

  async stats(): Promise<StoreStats> {
    this.#checkOpen();
    let messages = 0;
    let bytes = 0;
    for (const queue of this.#queues.values()) {
      messages += queue.messageCount;
      bytes += queue.bytes;
    }
    return { queues: this.#queues.size, messages, bytes, diskBytes: 0, syncs: 0 };
  }

  async flush(): Promise<void> {
    this.#checkOpen();
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#deadlines.stop();
    for (const queue of this.#queues.values()) {
      queue.waiters.fail(storeClosed());
      queue.changed();
    }
    this.#queues.clear();
    this.#removed.clear();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #checkOpen(): void {
    if (this.#closed) throw storeClosed();
  }

  #checkAppend(name: string, batch: readonly Uint8Array[], options: AppendOptions): void {
    options.signal?.throwIfAborted();
    if (options.producer !== undefined) checkProducer(options.producer);
    const most = this.capabilities.maxMessageBytes;
    for (const data of batch) {
      if (data.length > most) throw messageTooLarge(name, data.length, most);
    }
  }

  #create(name: string, options: OpenOptions): MemoryQueue {
    const origin = options.fork === undefined ? undefined : this.#use(options.fork.from);
    const now = this.#clock.now();
    const queue = new MemoryQueue(name, randomUUID(), now, options, origin);
    const { messages = [], ending } = options;
    this.#checkAppend(name, messages, {});
    if (messages.length > 0 || ending !== undefined) queue.append(messages, now, {}, ending);
    if (origin !== undefined) origin.forks += 1;
    this.#queues.set(name, queue);
    if (queue.deadline() !== Infinity) {
      this.#deadlines.add({
        deadline: () => (this.#queues.get(name) === queue ? queue.deadline() : undefined),
        expire: () => this.#drop(queue),
      });
    }
    return queue;
  }

  /** The queue, its TTL renewed; throws when it is not there. */
  #use(name: string): MemoryQueue {
    const queue = this.#get(name);
    queue.touch(this.#clock.now());
    return queue;
  }

  #get(name: string): MemoryQueue {
    this.#checkOpen();
    const queue = this.#find(name);
    if (queue === undefined) {
      checkName(name);
      throw this.#removed.has(name) ? queueRemoved(name) : queueNotFound(name);
    }
    return queue;
  }

  #find(name: string): MemoryQueue | undefined {
    const queue = this.#queues.get(name);
    if (queue === undefined || queue.deadline() > this.#clock.now()) return queue;
    this.#drop(queue);
    return undefined;
  }

  #drop(queue: MemoryQueue): void {
    this.#queues.delete(queue.name);
    if (queue.forks > 0) this.#removed.set(queue.name, queue);
    else this.#release(queue.origin);
    queue.changed();
  }

  /** A fork of this queue is gone: with the last one goes a removed origin, and so on upward. */
  #release(origin: MemoryQueue | undefined): void {
    for (let queue = origin; queue !== undefined; queue = queue.origin) {
      queue.forks -= 1;
      if (queue.forks > 0 || this.#removed.get(queue.name) !== queue) return;
      this.#removed.delete(queue.name);
    }
  }
}

function deliveriesOf(
  queue: MemoryQueue,
  leases: readonly { readonly sequence: number; readonly deliveries: number }[],
): Delivery[] {
  return leases.flatMap(({ sequence, deliveries }) => {
    const message = queue.at(sequence);
    return message === undefined ? [] : [{ ...message, deliveries }];
  });
}
