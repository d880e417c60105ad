export type {
  AppendOptions,
  AppendReceipt,
  Delivery,
  Ending,
  Leases,
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
} from "./store.ts";
export { QueueError, type QueueErrorCode, isQueueError } from "./errors.ts";
export type { Clock } from "./clock.ts";
export { type MemoryStoreOptions, createMemoryStore } from "./memory/memory-store.ts";
export { type FileStoreOptions, openFileStore } from "./journal/file-store.ts";
export type { FilePort } from "./journal/port.ts";
