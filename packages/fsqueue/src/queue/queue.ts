import type { StandardSchemaV1 } from "@standard-schema/spec";
import type { Codec } from "../codec.ts";
import type { AppendReceipt, Ending, Offset, OpenOptions, Position, QueueInfo } from "../store.ts";
import type { CursorConsumer } from "./cursor-consumer.ts";
import type { LeaseOptions, LeasedConsumer } from "./leased-consumer.ts";
import type { Message } from "./message.ts";
import type { QueueProducer, QueueProducerOptions } from "./queue-producer.ts";

/** How a queue is made, and how its messages are read and written. */
export interface QueueOptions<T, In = T> extends Pick<
  OpenOptions,
  "metadata" | "ttlMs" | "expiresAt" | "maxMessages" | "maxBytes"
> {
  /** How values become bytes. Default: the one given to `openQueues`, else JSON. */
  readonly codec?: Codec<T>;
  /**
   * Any Standard Schema (zod, valibot, arktype, …): what is enqueued is validated, and stored as the schema
   * gives it back. What is read is not validated again.
   */
  readonly schema?: StandardSchemaV1<In, T>;
  /**
   * What happens when `maxMessages` or `maxBytes` is reached. `reject` (default): `QUEUE_FULL`. `block`:
   * writing waits until messages were dequeued or trimmed; appends to this queue then go one after the
   * other.
   */
  readonly whenFull?: "reject" | "block";
}

/** What an append is to wait for. */
export interface EnqueueOptions {
  /** Resolve only when the message survives a power cut. Default: the store's durability. */
  readonly durable?: boolean;
  /** Enqueue only while this is the end of the queue, else `OFFSET_CONFLICT`. */
  readonly expect?: Offset;
  /** Give up waiting, for room as well. */
  readonly signal?: AbortSignal;
}

/** Whether taking and reading waits. */
export interface DequeueOptions {
  /** Wait until there is at least one message, or the queue has ended. Default false. */
  readonly wait?: boolean;
  readonly signal?: AbortSignal;
}

/** Where following begins, and what ends it. */
export interface TailOptions {
  /** Default: the oldest message still kept. `now` is the end at the time of the call. */
  readonly from?: Position;
  readonly signal?: AbortSignal;
  /** How many messages are read at a time. Default 1,000. */
  readonly max?: number;
}

/** What goes with the end of a queue. */
export interface SealQueueOptions<In> {
  /** Last messages; readers see them and the end, or neither. */
  readonly messages?: readonly In[];
}

/** What {@link Queue.read} found. */
export interface QueueRead<T> {
  readonly messages: readonly Message<T>[];
  /** Where to read on. */
  readonly next: Offset;
  /** True when `next` was the end of the queue. */
  readonly atEnd: boolean;
  /** How the queue ended; only when it has and `atEnd` is true. */
  readonly ending?: Ending;
}

/**
 * A named, ordered sequence of messages of one session. Writing calls on one queue take effect in their
 * order, awaited or not, through whatever handle of this process they come; readers find a message once it
 * is acknowledged.
 *
 * Every method rejects with the codes of the `Store` contract. On a handle for the current session, writing
 * and reading create the queue, and all methods throw `SESSION_MISSING` outside a session; on one for
 * another session writing creates it and reading a queue that is not there is `QUEUE_NOT_FOUND`.
 */
export interface Queue<T, In = T> {
  /** Its name within the session. */
  readonly name: string;

  /** Create the queue, or find it. Other methods do this by themselves where they create. */
  open(): Promise<QueueInfo>;

  /** Add a message at the end. Resolves once the store has acknowledged it. */
  enqueue(value: In, options?: EnqueueOptions): Promise<AppendReceipt>;
  /** Add messages together: readers see all or none. */
  enqueueMany(values: readonly In[], options?: EnqueueOptions): Promise<AppendReceipt>;
  /**
   * Add a message without a promise, for a loop over tokens: those of one moment go to the store as one
   * append. Returns false when so much is unsent (256 KiB) that the caller should `await flush()`.
   *
   * A value that cannot be encoded throws `MESSAGE_INVALID` at once. What the store refuses is told by the
   * next call of `tryEnqueue`, `enqueue`, `flush` or `seal`; nothing is appended between the loss and
   * the telling. A session that ends with an untold loss seals the queue with that error.
   */
  tryEnqueue(value: In): boolean;
  /** Resolves when everything enqueued before is acknowledged; rejects with what was not. */
  flush(): Promise<void>;

  /**
   * Take the oldest messages off the queue, at most `limit` (default 1,000). Of concurrent callers each gets different ones. With `wait`,
   * none means that the queue has ended; if it did not end well it rejects with `TAIL_ENDED`.
   */
  dequeue(limit?: number, options?: DequeueOptions): Promise<Message<T>[]>;
  /** The oldest message, left where it is. */
  peek(): Promise<Message<T> | undefined>;
  /** The number of messages. */
  size(): Promise<number>;
  /** Drop all messages; resolves with their count, durably. Their offsets are not given again. */
  clear(): Promise<number>;
  /** Drop the messages up to and including this one; resolves with their count, durably. */
  trim(upTo: Offset): Promise<number>;

  /** Messages after a position (default the oldest), at most `limit` (default 1,000) and about 1 MiB. */
  read(
    from?: Position,
    options?: { readonly limit?: number; readonly maxBytes?: number },
  ): Promise<QueueRead<T>>;

  /**
   * Follow the queue: messages as they come, until it ends. Belongs to the session that is current at the
   * call, wherever it is iterated. Ends when the queue was sealed `ok`; else throws `TAIL_ENDED`, or
   * `WRITER_LOST` when the writing process died, with the original name, message and code as `cause`.
   * Throws the signal's reason. Leaving the loop early leaves nothing behind.
   */
  tail(options?: TailOptions): AsyncIterableIterator<Message<T>>;
  /** The same in arrays, as many at a time as there are: less work for each message. */
  batches(options?: TailOptions): AsyncIterableIterator<readonly Message<T>[]>;

  /** A reader whose committed position outlives it. Several of one name move it together. */
  consumer(group: string): CursorConsumer<T>;
  /** One of several readers who share the messages: each is leased to one of them until acknowledged. */
  consumer(group: string, options: LeaseOptions): LeasedConsumer<T>;

  /** A writer whose retries are recognised, also after a crash, and appended once. */
  producer(id: string, options?: QueueProducerOptions): QueueProducer<In>;

  /**
   * End the queue; durable when it resolves. Default `{ status: "ok" }`. Ending it again changes nothing. A
   * session ends its queues by itself.
   */
  seal(ending?: Ending, options?: SealQueueOptions<In>): Promise<AppendReceipt>;
  /** Remove the queue with all it holds; false if there was none. */
  delete(): Promise<boolean>;
  /** What the store knows of it; undefined if it is not there. */
  info(): Promise<QueueInfo | undefined>;

  /**
   * A new queue that begins with this one's messages up to an offset (default: all), sharing their bytes.
   * In the same session unless told otherwise; it belongs to no one's lifetime.
   */
  fork(
    name: string,
    options?: { readonly session?: string; readonly at?: Offset },
  ): Promise<Queue<T, In>>;
}
