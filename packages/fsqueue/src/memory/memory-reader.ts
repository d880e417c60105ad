import type {
  Ending,
  LiveListener,
  LiveReader,
  Offset,
  Position,
  StoredMessage,
} from "../store.ts";
import { type MemoryQueue, offsetOf } from "./memory-queue.ts";

/** Follows a queue; nothing is ever behind, as all is in memory. */
export class MemoryReader implements LiveReader {
  readonly behind = false;
  readonly #queue: MemoryQueue;
  /** Throws when the queue is not there, or another in its place; renews its TTL. */
  readonly #use: () => void;
  readonly #tell: () => void;
  /** The sequence of the last message that was given. */
  #sequence: number;

  constructor(queue: MemoryQueue, from: Position, use: () => void, listener: LiveListener) {
    this.#queue = queue;
    this.#use = use;
    this.#sequence = queue.sequenceOf(from);
    this.#tell = () => listener.changed();
    queue.listeners.add(this.#tell);
  }

  get offset(): Offset {
    return offsetOf(this.#sequence);
  }

  get ending(): Ending | undefined {
    return this.#queue.endingAt(this.#sequence);
  }

  next(): StoredMessage | undefined {
    this.#use();
    const message = this.#queue.after(this.#sequence);
    if (message !== undefined) this.#sequence += 1;
    return message;
  }

  moveTo(offset: Offset): void {
    this.#sequence = this.#queue.sequenceOf(offset);
  }

  close(): void {
    this.#queue.listeners.delete(this.#tell);
  }
}
