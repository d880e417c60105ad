import type { Exchange } from "./exchange.ts";
import { fault } from "./fault.ts";
import type { Limits } from "./limits.ts";

const smallestPiece = 64 * 1024;
const largestPiece = 1024 * 1024;

/** What a handler is doing at this moment. */
export interface HandlerStats {
  /** Requests whose answer is not complete, live readers included. */
  readonly active: number;
  /** Live readers: SSE and waiting long-polls. */
  readonly readers: number;
  readonly draining: boolean;
}

/** Who may come in: counts readers and answers, and closes the door when the server drains. */
export class Admission {
  readonly #limits: Limits;
  readonly #readersOf = new Map<string, number>();
  readonly #drainListeners = new Set<() => void>();
  /** Bytes that answers read and have not written yet, by request. */
  readonly #held = new Map<Exchange, number>();
  #heldBytes = 0;
  #readers = 0;
  #active = 0;
  #draining = false;

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  get stats(): HandlerStats {
    return { active: this.#active, readers: this.#readers, draining: this.#draining };
  }

  get draining(): boolean {
    return this.#draining;
  }

  /** Count a request in; throws the 503 while draining. Every call is paired with {@link leave}. */
  enter(): void {
    this.#active += 1;
    if (this.#draining) {
      throw fault(
        503,
        "DRAINING",
        "The server is stopping. Try again, and resume at your offset.",
        {
          "retry-after": "1",
          connection: "close",
        },
      );
    }
  }

  leave(exchange: Exchange): void {
    this.#active -= 1;
    this.hold(exchange, 0);
  }

  /** Count a live reader of a queue in; returns the function that counts it out again, to be called once. */
  admitReader(queue: string): () => void {
    const ofQueue = this.#readersOf.get(queue) ?? 0;
    const { readers, readersPerQueue } = this.#limits;
    if (this.#readers >= readers || ofQueue >= readersPerQueue) {
      throw fault(503, "TOO_MANY_READERS", "There are too many live readers. Try again later.", {
        "retry-after": "5",
      });
    }
    this.#readers += 1;
    this.#readersOf.set(queue, ofQueue + 1);
    return () => this.#dismissReader(queue);
  }

  #dismissReader(queue: string): void {
    this.#readers -= 1;
    const ofQueue = (this.#readersOf.get(queue) ?? 1) - 1;
    if (ofQueue === 0) this.#readersOf.delete(queue);
    else this.#readersOf.set(queue, ofQueue);
  }

  /**
   * Reserve memory for what an answer is about to read, and tell how much: a quarter of what is left, so
   * that there is something for the next. Say with {@link hold} how much it came to.
   */
  reserve(exchange: Exchange): number {
    const share = Math.floor((this.#limits.answerBytes - this.#heldBytes) / 4);
    const bytes = Math.min(largestPiece, Math.max(smallestPiece, share));
    this.hold(exchange, bytes);
    return bytes;
  }

  /** The memory that the answer to a request takes from now on, until it leaves. */
  hold(exchange: Exchange, bytes: number): void {
    this.#heldBytes += bytes - (this.#held.get(exchange) ?? 0);
    if (bytes === 0) this.#held.delete(exchange);
    else this.#held.set(exchange, bytes);
  }

  /** Answer 503 from now on and tell everything that waits to come to an end. Idempotent. */
  drain(): void {
    this.#draining = true;
    const listeners = [...this.#drainListeners];
    this.#drainListeners.clear();
    for (const listener of listeners) listener();
  }

  /** Call once on {@link drain}; returns a function that unregisters. */
  onDrain(listener: () => void): () => void {
    if (this.#draining) listener();
    else this.#drainListeners.add(listener);
    return () => this.#drainListeners.delete(listener);
  }
}
