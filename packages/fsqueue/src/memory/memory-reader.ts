import type {
  Ending,
  LiveListener,
  LiveReader,
  Offset,
  Position,
  StoredMessage,
} from "../store.ts";
import type { MemoryQueue } from "./memory-queue.ts";

/** Follows a queue; nothing is ever behind, as all is in memory. */
export class MemoryReader implements LiveReader {
  readonly behind = false;
  readonly #queue: MemoryQueue;
  /** Throws when the queue is not there, or another in its place; renews its TTL. */
  readonly #use: () => void;
  readonly #tell: () => void;
  #offset: Offset;

  constructor(queue: MemoryQueue, from: Position, use: () => void, listener: LiveListener) {
    this.#queue = queue;
    this.#use = use;
    this.#offset = queue.read(from, { max: 0 }).next;
    this.#tell = () => listener.changed();
    queue.listeners.add(this.#tell);
  }

  get offset(): Offset {
    return this.#offset;
  }

  get ending(): Ending | undefined {
    return this.#queue.read(this.#offset, { max: 0 }).ending;
  }

  next(): StoredMessage | undefined {
    this.#use();
    const [message] = this.#queue.read(this.#offset, { max: 1 }).messages;
    if (message !== undefined) this.#offset = message.offset;
    return message;
  }

  moveTo(offset: Offset): void {
    this.#queue.checkOffset(offset);
    this.#offset = offset;
  }

  close(): void {
    this.#queue.listeners.delete(this.#tell);
  }
}
