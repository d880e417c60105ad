import type { Ending } from "../store.ts";
import type { QueueState } from "./queue-state.ts";
import type { Chunk, Segment } from "./segment.ts";

/** One queue's share of a batch: what it was before, and what readers see once the batch is written. */
export interface Touch {
  readonly batch: Batch;
  readonly queue: QueueState;
  readonly next: number;
  readonly head: number;
  readonly count: number;
  readonly bytes: number;
  readonly ending: Ending | undefined;
  readonly sealer: QueueState["sealer"];
  readonly order: string | undefined;
  end: number;
  /** The seal stands in this batch. */
  ends: boolean;
}

/** Blocks of a batch that stand together in one chunk. */
export interface Part {
  readonly chunk: Chunk;
  readonly start: number;
  end: number;
}

type Settle = (value: unknown) => void;

/** Everything that was asked for while the write before it was under way: one write, one sync. */
export class Batch {
  readonly segment: Segment;
  /** Where it begins and ends in the segment. */
  readonly start: number;
  end: number;
  readonly parts: Part[] = [];
  readonly touches: Touch[] = [];
  /** Pairs (settle, value), settled when written (or synced, where the store is asked for that). */
  readonly acknowledgements: unknown[] = [];
  /** The same, settled when durable. */
  readonly durableAcknowledgements: unknown[] = [];
  /** Run backwards when the batch fails. */
  readonly undo: (() => void)[] = [];
  /** Run when it is written. */
  readonly after: (() => void)[] = [];
  wantsSync = false;

  #durable: "pending" | "yes" | "no" = "pending";
  #failure: unknown;
  #promise: Promise<void> | undefined;
  #resolve: (() => void) | undefined;
  #reject: ((error: unknown) => void) | undefined;

  constructor(segment: Segment, start: number) {
    this.segment = segment;
    this.start = start;
    this.end = start;
  }

  get length(): number {
    return this.end - this.start;
  }

  /** The share of this queue, made on first use. */
  touch(queue: QueueState): Touch {
    let touch = queue.touch;
    if (touch === undefined || touch.batch !== this) {
      touch = {
        batch: this,
        queue,
        next: queue.next,
        head: queue.head,
        count: queue.count,
        bytes: queue.bytes,
        ending: queue.ending,
        sealer: queue.sealer,
        order: queue.order,
        end: queue.next,
        ends: false,
      };
      queue.touch = touch;
      queue.lastSegment = this.segment.number;
      this.touches.push(touch);
    }
    return touch;
  }

  /** A promise of this value, kept when the batch is written (or durable). */
  promise<T>(value: T, durable: boolean): Promise<T> {
    if (durable) this.wantsSync = true;
    const list = durable ? this.durableAcknowledgements : this.acknowledgements;
    return new Promise<T>((resolve) => {
      list.push(resolve, value);
    });
  }

  /** Shared by all receipts of the batch, and never an unhandled rejection. */
  durablePromise(): Promise<void> {
    if (this.#promise === undefined) {
      this.#promise = new Promise((resolve, reject) => {
        if (this.#durable === "yes") resolve();
        else if (this.#durable === "no") reject(this.#failure);
        this.#resolve = resolve;
        this.#reject = reject;
      });
      this.#promise.catch(() => {});
    }
    return this.#promise;
  }

  /** The batch is in the file: readers may see it, and who waits for no more is told. */
  commit(): void {
    for (const { queue, end, ends } of this.touches) {
      queue.tail = end;
      if (ends) queue.ended = true;
      queue.wake();
    }
    for (const run of this.after) run();
    settleAll(this.acknowledgements);
  }

  settleDurable(): void {
    this.#durable = "yes";
    this.#resolve?.();
    settleAll(this.durableAcknowledgements);
  }

  /** What was acknowledged as written did not become durable. */
  failDurable(error: unknown): void {
    this.#durable = "no";
    this.#failure = error;
    this.#reject?.(error);
    rejectAll(this.durableAcknowledgements, error);
  }

  /** Put every queue back to what it was before this batch, and tell who waits. The newest batch first. */
  rollback(error: unknown): void {
    for (const undo of this.undo.toReversed()) undo();
    for (const touch of this.touches.toReversed()) {
      const { queue } = touch;
      queue.index.dropFrom(touch.next);
      queue.next = touch.next;
      queue.head = touch.head;
      queue.count = touch.count;
      queue.bytes = touch.bytes;
      queue.ending = touch.ending;
      queue.sealer = touch.sealer;
      queue.order = touch.order;
      queue.touch = undefined;
    }
    rejectAll(this.acknowledgements, error);
    this.failDurable(error);
  }
}

function settleAll(list: unknown[]): void {
  for (let at = 0; at < list.length; at += 2) (list[at] as Settle)(list[at + 1]);
  list.length = 0;
}

function rejectAll(list: unknown[], error: unknown): void {
  for (let at = 0; at < list.length; at += 2) (list[at] as Settle)(Promise.reject(error));
  list.length = 0;
}
