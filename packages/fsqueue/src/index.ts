export type {
  AppendOptions,
  AppendReceipt,
  CopyResult,
  Delivery,
  Ending,
  Leases,
  LiveListener,
  LiveReader,
  Offset,
  OpenOptions,
  Position,
  Producer,
  QueueInfo,
  ReadOptions,
  ReadResult,
  SealOptions,
  Store,
  StoreCapabilities,
  StoredMessage,
  StoreStats,
  WaitSignal,
} from "./store.ts";
export { QueueError, type QueueErrorCode, isQueueError } from "./errors.ts";
export type { Clock } from "./clock.ts";
export { type MemoryStoreOptions, createMemoryStore } from "./memory/memory-store.ts";
export { type FileStoreOptions, openFileStore } from "./journal/file-store.ts";
export type { FileStore } from "./journal/journal-store.ts";
export type { FilePort } from "./journal/port.ts";
export { type Codec, bytesCodec, jsonCodec } from "./codec.ts";
export { endingOf } from "./ending.ts";
export { parseStoreName, storeNameOf } from "./queue-name.ts";
export { type QueueLayerOptions, type QueuesOptions, openQueues } from "./queue/open-queues.ts";
export type { MergedTailOptions, Queues, SessionQueueInfo, SessionQueues } from "./queue/queues.ts";
export type {
  DequeueOptions,
  EnqueueOptions,
  Queue,
  QueueOptions,
  QueueRead,
  SealQueueOptions,
  TailOptions,
} from "./queue/queue.ts";
export type { Message } from "./queue/message.ts";
export type { Followable, Tagged } from "./queue/merged-tail.ts";
export type { CursorConsumer } from "./queue/cursor-consumer.ts";
export type { LeaseOptions, LeasedConsumer, LeasedMessage } from "./queue/leased-consumer.ts";
export type { QueueProducer, QueueProducerOptions } from "./queue/queue-producer.ts";
export type { QueueOpenedMessage, QueueSealedMessage } from "./queue/channels.ts";
export type { Loss } from "./journal/salvage.ts";
