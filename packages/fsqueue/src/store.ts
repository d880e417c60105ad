/**
 * A position in a queue: opaque text, at most 255 characters of `[0-9a-zA-Z_-]`, which sorts bytewise in
 * the order of the messages. A message's offset is the position *just after* it, so reading from the
 * offset of the last message seen continues with the next one. An offset is never given twice in the life
 * of a queue, not even after `trim` or a crash.
 */
export type Offset = string;

/** Where to read from: an offset, the oldest message still kept, or the present end. */
export type Position = Offset | "start" | "now";

/** One stored message. `data` belongs to the store: read it, do not write into it. */
export interface StoredMessage {
  /** The position just after this message. */
  readonly offset: Offset;
  readonly data: Uint8Array;
  /** When the store accepted it, in milliseconds since the epoch; never decreasing within a queue. */
  readonly time: number;
}

/**
 * The part of an `AbortSignal` that {@link Store.wait} looks at: every AbortSignal is one, and an idle reader
 * can do with something lighter (1.1 kB lighter, on Node 20).
 */
export interface WaitSignal {
  readonly aborted: boolean;
  readonly reason: unknown;
  addEventListener(type: "abort", listener: () => void): void;
  removeEventListener(type: "abort", listener: () => void): void;
}

/** How a queue ended. */
export interface Ending {
  readonly status: "ok" | "error" | "aborted";
  /** The error's `name`; for `error` and `aborted`. */
  readonly name?: string;
  readonly message?: string;
  /** A stable code, such as `WRITER_LOST`. */
  readonly code?: string;
}

/**
 * Identifies a retried append. A store keeps the highest epoch and sequence of each producer with the
 * messages themselves, so that a retry is recognised after a crash as well.
 *
 * Rules (Durable Streams protocol, idempotent producers): a lower epoch is `PRODUCER_FENCED`; a higher one
 * starts at sequence 0, else `PRODUCER_EPOCH_START`; a sequence at or below the last is a duplicate and
 * appends nothing; one that leaves a gap is `PRODUCER_GAP`.
 */
export interface Producer {
  /** 1 to 512 bytes of UTF-8. */
  readonly id: string;
  /** Integer from 0 to 2^53 - 1. */
  readonly epoch: number;
  /** Integer from 0 to 2^53 - 1, one per append (not per message). */
  readonly sequence: number;
}

/** How a queue is made; all but `messages` and `ending` are its own for good. */
export interface OpenOptions {
  /** Free text, kept as given and returned by `info`. At most 64 KiB as JSON. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** The queue expires this long after it was last written to or read. */
  readonly ttlMs?: number;
  /** The queue expires at this time, in milliseconds since the epoch. Not together with `ttlMs`. */
  readonly expiresAt?: number;
  /** Start as a copy of another queue up to a position (default its present end), without copying bytes. */
  readonly fork?: { readonly from: string; readonly at?: Offset };
  /**
   * The queue has one writer, this process, and ends with it: found unsealed after a crash it is an orphan
   * (see {@link Store.orphans}).
   */
  readonly owned?: boolean;
  /** Appends that would leave more than this many messages are `QUEUE_FULL`. */
  readonly maxMessages?: number;
  /** Appends that would leave more than this many bytes of payload are `QUEUE_FULL`. */
  readonly maxBytes?: number;
  /**
   * The first messages (of a fork: the first of its own), stored in one step with the queue: no reader
   * and no crash finds the queue without them. Of no account when the queue exists.
   */
  readonly messages?: readonly Uint8Array[];
  /** Create the queue sealed, in the same step. Of no account when the queue exists. */
  readonly ending?: Ending;
}

/** Conditions of an append, and what it waits for. */
export interface AppendOptions {
  readonly producer?: Producer;
  /** Append only while this is the end of the queue, else `OFFSET_CONFLICT`. */
  readonly expect?: Offset;
  /** Append only if this sorts (bytewise) after the last one given to this queue, else `ORDER_CONFLICT`. */
  readonly order?: string;
  /** Resolve only when the messages survive a power cut. Default: the store's durability. */
  readonly durable?: boolean;
  /** Give up waiting. What was already handed to the store may still be appended. */
  readonly signal?: AbortSignal;
}

/** The same for the end of a queue. */
export interface SealOptions extends AppendOptions {
  /** Last messages, appended atomically with the end: readers see both or neither. */
  readonly messages?: readonly Uint8Array[];
}

/** What an append came to. */
export interface AppendReceipt {
  /** The end of the queue after this append; of the earlier one for a duplicate. */
  readonly offset: Offset;
  /** True when a producer's retry was recognised and nothing was appended. */
  readonly duplicate: boolean;
  /** For a producer: the highest sequence the store holds of it. */
  readonly sequence?: number;
  /**
   * Resolves when the messages survive a power cut, rejects when they will not. It never becomes an
   * unhandled rejection: who does not look at it is told by `flush`, `seal` or the next append.
   */
  readonly durable: Promise<void>;
}

/** How much is read at most. */
export interface ReadOptions {
  /** At most this many messages. Default 1,000. */
  readonly max?: number;
  /** Stop after the message with which the payloads reach this many bytes. Default 1 MiB. */
  readonly maxBytes?: number;
}

/** What {@link Store.read} found. */
export interface ReadResult {
  /** In order; empty at the end of the queue. */
  readonly messages: readonly StoredMessage[];
  /** Where to read on. */
  readonly next: Offset;
  /** True when `next` was the end of the queue at the time of reading. */
  readonly atEnd: boolean;
  /** How the queue ended; only when it is sealed and `atEnd` is true. */
  readonly ending?: Ending;
}

/** Who is told by {@link Store.follow}. An object, since a closure for each reader is felt. */
export interface LiveListener {
  /** There may be something new to read. Must not throw. */
  changed(): void;
}

/**
 * A place in a queue that moves on with what is read, in memory alone. It stays with the queue it was made
 * for: after a removal it ends, though another queue may bear the name.
 */
export interface LiveReader {
  /** Just after the last message that was given: where it stands. */
  readonly offset: Offset;
  /**
   * The next message, if that is in memory. Without one, {@link behind} and {@link ending} say why; with
   * neither it stands at the end, and the listener will be called. Throws what {@link Store.read} rejects with,
   * and renews a TTL like it.
   */
  next(): StoredMessage | undefined;
  /** There are messages, but not in memory: read them from `offset`, then {@link moveTo} behind them. */
  readonly behind: boolean;
  /** How the queue ended; only when it is sealed and this is its end. */
  readonly ending: Ending | undefined;
  /** Go on from here, an offset that a read of this queue gave. */
  moveTo(offset: Offset): void;
  /** Be told no more. */
  close(): void;
}

/** What {@link Store.readInto} copied. */
export interface CopyResult {
  /** How much of the target holds payloads and separators. */
  readonly bytes: number;
  readonly messages: number;
  /** Where to read on. */
  readonly next: Offset;
  /** True when `next` was the end of the queue at the time of reading. */
  readonly atEnd: boolean;
  /** How the queue ended; only when it is sealed and `atEnd` is true. */
  readonly ending?: Ending;
}

/** What a store knows of a queue. */
export interface QueueInfo {
  readonly name: string;
  /** Differs between two queues that bore the same name one after the other. */
  readonly id: string;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  /** The oldest position from which can be read. */
  readonly head: Offset;
  /** The present end. */
  readonly tail: Offset;
  /** Messages between head and tail. */
  readonly messages: number;
  /** Their payload in bytes. */
  readonly bytes: number;
  readonly ending?: Ending;
  readonly metadata: Readonly<Record<string, string>>;
  readonly ttlMs?: number;
  readonly expiresAt?: number;
  readonly fork?: { readonly from: string; readonly at: Offset };
  readonly owned: boolean;
  readonly maxMessages?: number;
  readonly maxBytes?: number;
}

/** A message handed to one consumer of a group for a limited time. */
export interface Delivery extends StoredMessage {
  /** How often it has been handed out, this time included. */
  readonly deliveries: number;
}

/** Messages handed to consumers of a group one by one and acknowledged one by one. */
export interface Leases {
  /**
   * Hand out up to `max` messages that are neither acknowledged nor leased. A lease ends after
   * `visibilityMs`; a message handed out `maxDeliveries` times without an acknowledgement is left out and
   * reported by `dead`.
   */
  acquire(
    name: string,
    group: string,
    options: { max: number; visibilityMs: number; maxDeliveries: number },
  ): Promise<readonly Delivery[]>;
  /** Resolves once the acknowledgement is durable. Unknown offsets and repeated ones are ignored. */
  acknowledge(name: string, group: string, offsets: readonly Offset[]): Promise<void>;
  /** Give messages back at once. */
  release(name: string, group: string, offsets: readonly Offset[]): Promise<void>;
  /** Messages that reached their limit of deliveries. */
  dead(name: string, group: string): Promise<readonly Delivery[]>;
  /** When the next lease ends, in milliseconds since the epoch; undefined when none is out. */
  nextExpiry(name: string, group: string): Promise<number | undefined>;
}

/** What a store can do; the contract suite skips what it cannot. */
export interface StoreCapabilities {
  /** Queues are there again after `close` and a new open. */
  readonly persistent: boolean;
  /** `durable` means a power cut; false for stores that can only promise a process crash or nothing. */
  readonly durable: boolean;
  /** Forks share the bytes of their origin. */
  readonly forks: boolean;
  readonly leases: boolean;
  /** Every writing method rejects with `STORE_READONLY`. */
  readonly readonly: boolean;
  /** A message with more bytes is `MESSAGE_TOO_LARGE`. */
  readonly maxMessageBytes: number;
}

/** What a store holds, and has done. */
export interface StoreStats {
  readonly queues: number;
  readonly messages: number;
  readonly bytes: number;
  /** Bytes on disk; 0 for stores without a disk. */
  readonly diskBytes: number;
  /** Calls of fdatasync or fsync since the store was opened. */
  readonly syncs: number;
}

/**
 * Where queues live. Bytes only: codecs, schemas and sessions are laid over it.
 *
 * Order: appends to one queue take effect in the order of the calls, whether awaited or not; every reader
 * sees that order. A message is visible to readers once its append is acknowledged, or earlier, but never
 * before it would survive the death of the process (for stores that are `persistent`).
 *
 * Names: 1 to 4,096 bytes of UTF-8 without NUL, else `NAME_INVALID`. No name is ever used as a path.
 *
 * Every method but `open`, `remove`, `info` and `list` rejects with `QUEUE_NOT_FOUND` for a queue that does
 * not exist or has expired, and with `QUEUE_REMOVED` for one that was removed while forks still use it.
 * Every method but `wait`, `info` and `list` renews a sliding TTL. After `close` all reject with `STORE_CLOSED`.
 */
export interface Store {
  readonly capabilities: StoreCapabilities;

  /**
   * Create a queue, or find it if it exists with the same options (else `QUEUE_EXISTS`). Called without
   * options it finds a queue of any options. A fork has the offsets of its origin, and neither its ending,
   * its producers nor its cursors; a fork point that is none is `OFFSET_INVALID` or `OFFSET_TRIMMED`.
   */
  open(name: string, options?: OpenOptions): Promise<{ created: boolean; info: QueueInfo }>;

  /**
   * Append messages in order, all or none. The bytes are copied before the call returns. An empty batch is
   * a `TypeError`. Errors: `QUEUE_SEALED`, `QUEUE_FULL`, `MESSAGE_TOO_LARGE`, `PRODUCER_*`,
   * `OFFSET_CONFLICT`, `ORDER_CONFLICT`, `STORE_FULL`, `STORE_FAILED`. Checks are made in the order: a
   * producer's superseded epoch or duplicate (sealed or not), sealed, the producer's other rules,
   * `expect`, `order`, full. What is rejected leaves no trace.
   */
  append(
    name: string,
    batch: readonly Uint8Array[],
    options?: AppendOptions,
  ): Promise<AppendReceipt>;

  /**
   * End the queue: no append after it. Durable when it resolves. Sealing a sealed queue without messages
   * changes nothing and resolves with its end; with messages it is `QUEUE_SEALED`, unless it is the
   * duplicate of the producer that sealed it.
   */
  seal(name: string, ending: Ending, options?: SealOptions): Promise<AppendReceipt>;

  /**
   * Messages after `from`. Errors: `OFFSET_INVALID` (no offset, or beyond the end), `OFFSET_TRIMMED`
   * (before the head).
   */
  read(name: string, from: Position, options?: ReadOptions): Promise<ReadResult>;

  /**
   * Resolves when there is something to read after `after`: a message, the end of a sealed queue, or an
   * error because the queue went away, which the next read then tells. Rejects with `signal.reason` on
   * abort and leaves no listener; with `STORE_CLOSED` when the store is closed. Waiting renews no TTL,
   * so that readers cannot keep the queue of a lost writer for ever.
   */
  wait(name: string, after: Offset, signal?: WaitSignal): Promise<void>;

  /**
   * A short cut for those who follow many queues live, in stores that have it: a reader that keeps its place,
   * and is told. The listener is called whenever there may be something new (a message, the queue's end, its
   * removal, the store's closing), until the reader is closed. The store calls it in the middle of its work:
   * it may read, and must not throw. Throws what {@link read} rejects with.
   */
  follow?(name: string, from: Position, listener: LiveListener): LiveReader;

  /**
   * A short cut for those who pass bytes on, in stores that have it: copy the payloads of the messages
   * after `from`, and none after `upTo`, into `target`, as many whole ones as fit, with a byte between two
   * if asked. With a number as target nothing is copied: it tells what would fit into so many bytes. None
   * fits: `messages` is 0 and `atEnd` false. The target must be left alone until the promise settles.
   * Rejects with what `read` rejects with.
   */
  readInto?(
    name: string,
    from: Position,
    target: Uint8Array | number,
    options?: { readonly separator?: number; readonly upTo?: Offset },
  ): Promise<CopyResult>;

  /** Read and drop the oldest messages, atomically: of concurrent callers each gets different ones. */
  take(name: string, max: number): Promise<readonly StoredMessage[]>;

  /** Drop the messages up to and including this position; resolves with their count, durably. */
  trim(name: string, upTo: Offset | "now"): Promise<number>;

  /**
   * Delete a queue; durable when it resolves. False if there was none. While forks use its messages they
   * stay readable through the forks, and the name answers `QUEUE_REMOVED` (to `open` as well) until the
   * last fork is gone. Who waits on the queue is woken.
   */
  remove(name: string): Promise<boolean>;

  /** A reader's committed position, by the reader's name. */
  readonly cursors: {
    get(name: string, group: string): Promise<Offset | undefined>;
    /** Durable when it resolves. With `expect` (undefined: none yet), `CURSOR_CONFLICT` if it moved. */
    set(
      name: string,
      group: string,
      offset: Offset,
      options?: { readonly expect: Offset | undefined },
    ): Promise<void>;
  };

  /** Present when `capabilities.leases` is true. */
  readonly leases?: Leases;

  info(name: string): Promise<QueueInfo | undefined>;
  /** Queues whose name starts with `prefix`, sorted bytewise by name; those that are there throughout. */
  list(prefix?: string): AsyncIterable<QueueInfo>;
  /** Owned, unsealed queues whose writer is gone. They stay as they are until someone seals or opens them. */
  orphans(): Promise<readonly QueueInfo[]>;

  /**
   * In stores that several processes write at once, where a writer may die at any time: have every orphan
   * settled (sealed or opened), those that are there now and those that are found later. Of all processes that
   * ask, one at a time is given orphans, so that no two settle the same one. Resolves once those of now are
   * settled, or another process is at it; rejects with what `settle` rejects with. What it rejects with later
   * is ignored, and the orphans are given again. Returns a function that ends it, as closing the store does.
   */
  settleOrphans?(settle: (orphans: readonly QueueInfo[]) => Promise<void>): Promise<() => void>;
  stats(): Promise<StoreStats>;

  /** Resolves when everything acknowledged so far survives a power cut; rejects with what failed. */
  flush(): Promise<void>;
  /** Make everything durable and let go of all resources. Idempotent. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}
