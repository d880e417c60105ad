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
  // First what every message looks at: the fields lie in memory in this order, and of many queues none is
  // in a cache when its turn comes.
  readonly number: number;
  /** The staged end; never below `tail`. */
  next = 0;
  /** The acknowledged end. */
  tail = 0;
  /** The first sequence that can be read. */
  head = 0;
  /** Messages in `[head, next)`, and the bytes of their payload. */
  count = 0;
  bytes = 0;
  /** Its part in the batch being collected. */
  touch: Touch | undefined;
  /** Own messages: those of `[settings.fork.at, next)`, kept from the floor on. */
  readonly index: MessageIndex = new MessageIndex();
  /** Who is told of every change, without asking again each time. */
  #reader: JournalReader | undefined;
  #otherReaders: readonly JournalReader[] | undefined;
  /** Who waits for the next change; made when somebody does. */
  #waiters: Waiters | undefined;
  /** Whether it can expire or has limits: if not, a message need not look at the settings. */
  limited = false;
  /** The end stands in the journal and readers see it. */
  ended = false;
  /**
   * So many power cuts may have taken acknowledged messages, whose offsets must not be given again: the next
   * message leaves a gap of {@link JUMP} for each before it.
   */
  jumps = 0;
  /** Its deletion is laid down, by this process. */
  removing = false;
  /** Removed, but forks still read its messages. */
  removed = false;
  /** Nothing of it is left. */
  gone = false;
  /** The number of the segment of its newest record. */
  lastSegment = 0;

  #settings: QueueSettings;
  parent: QueueState | undefined;
  /** Queues that began as a copy of this one; made when there is one. */
  #forks: Set<QueueState> | undefined;

  /** The head as far as the journal has it: a trim that is not written yet may be undone. */
  keptHead = 0;
  /** Sequences that no message has: pairs of the first and the one after the last. */
  gaps: Map<number, number> | undefined;

  ending: Ending | undefined;
  order: string | undefined;
  producers: Map<string, ProducerState> | undefined;
  cursors: Map<string, number> | undefined;
  groups: Map<string, Group> | undefined;

  /** Its OPEN record is laid down, but not written yet. */
  uncommitted = false;
  /** Opened by this process since it started. */
  claimed = false;
  /** A record of it was seen, but not yet its settings (a later segment has them). */
  provisional = false;

  /** When it was last read or written; and the latest such time the journal knows. */
  touchedAt = 0;
  recordedTouch = 0;

  /** Numbers of segments: of the first record, of the newest complete state. */
  firstSegment = 0;
  anchor = 0;

  constructor(number: number, settings: QueueSettings) {
    this.number = number;
    this.#settings = settings;
    this.settings = settings;
  }

  get settings(): QueueSettings {
    return this.#settings;
  }

  set settings(settings: QueueSettings) {
    this.#settings = settings;
    const { ttlMs, expiresAt, maxMessages, maxBytes } = settings;
    this.limited = (ttlMs ?? expiresAt ?? maxMessages ?? maxBytes) !== undefined;
  }

  /** There may be something new to tell of this queue. */
  wake(): void {
    this.#waiters?.wake();
    this.#reader?.wake();
    if (this.#otherReaders !== undefined) for (const reader of this.#otherReaders) reader.wake();
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
    if (this.#reader === undefined) this.#reader = reader;
    else this.#otherReaders = [...(this.#otherReaders ?? []), reader];
  }

  removeReader(reader: JournalReader): void {
    if (this.#reader === reader) this.#reader = undefined;
    const others = this.#otherReaders?.filter((other) => other !== reader);
    this.#otherReaders = others?.length === 0 ? undefined : others;
  }

  /** The journal read its folder anew: who follows this queue follows that one from now on. */
  handOver(again: QueueState): void {
    const readers = [this.#reader, ...(this.#otherReaders ?? [])];
    this.#reader = undefined;
    this.#otherReaders = undefined;
    for (const reader of readers) reader?.adopt(again);
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
    return this.#settings.name;
  }

  /** A record in the segment of this number says that it is to leave a gap. */
  oweJump(segment: number): void {
    this.jumps += 1;
    this.lastSegment = segment;
  }

  /** The first sequence that stands in this queue's own records. */
  get ownFrom(): number {
    return this.#settings.fork?.at ?? 0;
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
