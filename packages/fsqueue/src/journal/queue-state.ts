import type { Ending, WaitSignal } from "../store.ts";
import type { Touch } from "./batch.ts";
import type { Group } from "./group.ts";
import type { JournalReader } from "./journal-reader.ts";
import { MessageIndex } from "./message-index.ts";
import { Waiters } from "../waiters.ts";

/** What the journal knows of one producer of a queue. */
export interface ProducerState {
  epoch: number;
  sequence: number;
  /** The end of the queue after its last append. */
  end: number;
}

/** The options of a queue that never change. */
export interface QueueSettings {
  readonly name: string;
  readonly createdAt: number;
  readonly metadata: Readonly<Record<string, string>>;
  readonly ttlMs?: number;
  readonly expiresAt?: number;
  readonly owned: boolean;
  readonly maxMessages?: number;
  readonly maxBytes?: number;
  readonly fork?: { readonly from: string; readonly queue: number; readonly at: number };
}

/**
 * A queue in memory. The writer lays records down before they are written, so there are two ends: `next`
 * is the staged one, against which appends are checked; `tail` the acknowledged one, which readers see.
 */
export class QueueState {
  readonly number: number;
  settings: QueueSettings;
  parent: QueueState | undefined;
  /** Queues that began as a copy of this one; made when there is one. */
  #forks: Set<QueueState> | undefined;

  /** The first sequence that can be read. */
  head = 0;
  /** The same as far as the journal has it: a trim that is not written yet may be undone. */
  keptHead = 0;
  /** The acknowledged end. */
  tail = 0;
  /** The staged end; never below `tail`. */
  next = 0;
  /** Messages in `[head, next)`, and the bytes of their payload. */
  count = 0;
  bytes = 0;
  /** Sequences that no message has: pairs of the first and the one after the last. */
  gaps: Map<number, number> | undefined;
  /**
   * A power cut may have taken acknowledged messages, whose offsets must not be given again: the next
   * message leaves a gap of {@link JUMP} before it.
   */
  jump = false;
  /** Own messages: those of `[settings.fork.at, next)`, kept from the floor on. */
  readonly index: MessageIndex = new MessageIndex();

  ending: Ending | undefined;
  /** The end stands in the journal and readers see it. */
  ended = false;
  /** The producer's append that sealed the queue. */
  sealer: { readonly id: string; readonly epoch: number; readonly sequence: number } | undefined;
  order: string | undefined;
  producers: Map<string, ProducerState> | undefined;
  cursors: Map<string, number> | undefined;
  groups: Map<string, Group> | undefined;
  /** Who waits for the next change; made when somebody does. */
  #waiters: Waiters | undefined;
  /** Who is told of every change, without asking again each time. Never changed in place. */
  #readers: readonly JournalReader[] | undefined;

  /** Its deletion is laid down, but not written yet. */
  removing = false;
  /** Removed, but forks still read its messages. */
  removed = false;
  /** Nothing of it is left. */
  gone = false;
  /** Its OPEN record is laid down, but not written yet. */
  uncommitted = false;
  /** Opened by this process since it started. */
  claimed = false;
  /** A record of it was seen, but not yet its settings (a later segment has them). */
  provisional = false;

  /** When it was last read or written; and the latest such time the journal knows. */
  touchedAt = 0;
  recordedTouch = 0;

  /** Numbers of segments: of the first record, of the newest complete state, of the newest record. */
  firstSegment = 0;
  anchor = 0;
  lastSegment = 0;

  /** Its part in the batch being collected. */
  touch: Touch | undefined;

  constructor(number: number, settings: QueueSettings) {
    this.number = number;
    this.settings = settings;
  }

  /** There may be something new to tell of this queue. */
  wake(): void {
    this.#waiters?.wake();
    if (this.#readers !== undefined) for (const reader of this.#readers) reader.wake();
  }

  /** Resolves at the next {@link wake}. */
  wait(signal: WaitSignal | undefined): Promise<void> {
    return (this.#waiters ??= new Waiters()).wait(signal);
  }

  /** Nobody waits for this queue any more. */
  fail(error: unknown): void {
    this.#waiters?.fail(error);
    this.wake();
  }

  addReader(reader: JournalReader): void {
    this.#readers = this.#readers === undefined ? [reader] : [...this.#readers, reader];
  }

  removeReader(reader: JournalReader): void {
    const others = this.#readers?.filter((other) => other !== reader);
    this.#readers = others?.length === 0 ? undefined : others;
  }

  /** The journal read its folder anew: who follows this queue follows that one from now on. */
  handOver(again: QueueState): void {
    const readers = this.#readers ?? [];
    this.#readers = undefined;
    for (const reader of readers) reader.adopt(again);
  }

  /** How many queues were forked from this one. */
  get forkCount(): number {
    return this.#forks?.size ?? 0;
  }

  forkedQueues(): QueueState[] {
    return [...(this.#forks ?? [])];
  }

  addFork(fork: QueueState): void {
    (this.#forks ??= new Set()).add(fork);
  }

  removeFork(fork: QueueState): void {
    this.#forks?.delete(fork);
  }

  get name(): string {
    return this.settings.name;
  }

  /** The first sequence that stands in this queue's own records. */
  get ownFrom(): number {
    return this.settings.fork?.at ?? 0;
  }

  /** The first own message that this queue or a fork of it still needs. */
  floor(): number {
    let floor = this.removed ? this.next : this.keptHead;
    for (const fork of this.#forks ?? []) {
      const needed = fork.floor();
      if (needed < fork.ownFrom && needed < floor) floor = needed;
    }
    return floor;
  }
}

/** More messages than one queue can have been given between two syncs. */
export const JUMP: number = 2 ** 24;

export const NO_SETTINGS: QueueSettings = Object.freeze({
  name: "",
  createdAt: 0,
  metadata: Object.freeze({}),
  owned: false,
});
