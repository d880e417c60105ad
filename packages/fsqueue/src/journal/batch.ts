import { type Acknowledgements, rejectAll, settleAll } from "./acknowledgements.ts";
import type { QueueState } from "./queue-state.ts";
import type { Chunk, Segment } from "./segment.ts";
import type { SyncTurn } from "./sync-turn.ts";

/** One queue's share of a batch: what it was before, and what readers see once the batch is written. */
export interface Touch {
  readonly batch: Batch;
  readonly queue: QueueState;
  readonly next: number;
  readonly head: number;
  readonly count: number;
  readonly bytes: number;
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

/** Everything that was asked for while the write before it was under way: one write, one sync. */
export class Batch {
  readonly segment: Segment;
  /** Where it begins and ends in the segment. */
  readonly start: number;
  end: number;
  readonly parts: Part[] = [];
  readonly touches: Touch[] = [];
  /** Pairs (settle, value), settled when written (or synced, where the store is asked for that). */
  readonly acknowledgements: Acknowledgements = [];
  /** The same, settled when durable. */
  #durableAcknowledgements: Acknowledgements | undefined;
  /** Run backwards when the batch fails. */
  #undo: (() => void)[] | undefined;
  /** Run when it is written. */
  #after: (() => void)[] | undefined;
  /** The sync that makes it durable; known from when it is written. */
  #turn: SyncTurn | undefined;

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
        end: queue.next,
        ends: false,
      };
      queue.touch = touch;
      queue.lastSegment = this.segment.number;
      this.touches.push(touch);
    }
    return touch;
  }

  /** Somebody waits for it to be durable. */
  get wantsSync(): boolean {
    return this.#durableAcknowledgements !== undefined;
  }

  onRollback(undo: () => void): void {
    (this.#undo ??= []).push(undo);
  }

  onCommit(run: () => void): void {
    (this.#after ??= []).push(run);
  }

  /** A promise of this value, kept when the batch is written (or durable). */
  promise<T>(value: T, durable: boolean): Promise<T> {
    const list = durable ? (this.#durableAcknowledgements ??= []) : this.acknowledgements;
    return new Promise<T>((resolve) => {
      list.push(resolve, value);
    });
  }

  durablePromise(): Promise<void> {
    return this.#turn?.promise() ?? this.promise(undefined, true);
  }

  /** The batch is in the file: readers may see it, and who waits for no more is told. */
  commit(turn: SyncTurn): void {
    this.#turn = turn;
    for (const touch of this.touches) {
      const { queue } = touch;
      queue.tail = touch.end;
      if (touch.ends) queue.ended = true;
      // It would keep the batch, and with that its bytes, in memory for as long as the queue is.
      if (queue.touch === touch) queue.touch = undefined;
      queue.wake();
    }
    if (this.#after !== undefined) for (const run of this.#after) run();
    settleAll(this.acknowledgements);
    if (this.#durableAcknowledgements !== undefined) turn.add(this.#durableAcknowledgements);
    // Receipts may be kept for long; what they hold on to must be little.
    this.touches.length = 0;
    this.parts.length = 0;
    this.#after = undefined;
    this.#undo = undefined;
    this.#durableAcknowledgements = undefined;
  }

  /** Put every queue back to what it was before this batch, and tell who waits. The newest batch first. */
  rollback(error: unknown): void {
    if (this.#undo !== undefined) for (const undo of this.#undo.toReversed()) undo();
    for (const touch of this.touches.toReversed()) {
      const { queue } = touch;
      queue.index.dropFrom(touch.next);
      queue.next = touch.next;
      queue.head = touch.head;
      queue.count = touch.count;
      queue.bytes = touch.bytes;
      queue.touch = undefined;
    }
    rejectAll(this.acknowledgements, error);
    rejectAll(this.#durableAcknowledgements ?? [], error);
  }
}
