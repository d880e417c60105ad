import type { Clock } from "../clock.ts";
import { queueNotFound, queueRemoved, storeClosed } from "../store-errors.ts";
import { checkName } from "../store-name.ts";
import { Deadlines } from "../memory/deadlines.ts";
import { expiresAt, isExpired } from "./expiry.ts";
import type { Batch } from "./batch.ts";
import type { Lane } from "./lane.ts";
import { RECORD_HEADER, RecordType } from "./layout.ts";
import { Descriptors } from "./descriptors.ts";
import type { Built, Dormant } from "./dormant.ts";
import type { FilePort } from "./port.ts";
import type { QueueState } from "./queue-state.ts";
import { QueueTable } from "./queue-table.ts";
import { QuickReads } from "./quick-reads.ts";
import type { Retention } from "./retention.ts";
import type { Loss } from "./salvage.ts";
import type { Segment } from "./segment.ts";
import type { LogPlace } from "./snapshot-entry.ts";
import type { Snapshots } from "./snapshots.ts";
import { storeReadonly } from "./failure.ts";

export interface JournalOptions {
  readonly dir: string;
  readonly port: FilePort;
  readonly synced: boolean;
  readonly segmentBytes: number;
  readonly memoryBytes: number;
  readonly maxMessageBytes: number;
  readonly clock: Clock;
  /** Go on without what is damaged, and tell of each loss. */
  readonly salvage?: ((loss: Loss) => void) | undefined;
}

/** How long the log need not be told that a queue was read. */
const TOUCH_MS = 1000;

/** All queues of a folder, as its segments tell them; the operations are functions over it. */
export class Journal {
  readonly options: JournalOptions;
  readonly byName: QueueTable<string> = new QueueTable(
    (name) => this.#build(this.dormant?.takeName(name)),
    () => this.#buildAll(),
  );
  readonly byNumber: QueueTable<number> = new QueueTable(
    (number) => this.#build(this.dormant?.takeNumber(number)),
    () => this.#buildAll(),
  );
  /** Queues of a snapshot that are not in the tables yet. */
  dormant: Dormant | undefined;
  /** While reading on from a snapshot: up to where it has what the log says of a queue. */
  covered: Map<number, LogPlace> | undefined;
  /** In the order in which they were written. */
  segments: Segment[] = [];
  nextQueue = 1;
  /** Random, in the header of every segment of the folder. */
  store = 0;
  /** Absent when the store is read-only. */
  lane: Lane | undefined;
  retention: Retention | undefined;
  snapshots: Snapshots | undefined;
  closed = false;
  /** What the log's last process left: its machine's start, and whether it closed the log. */
  boot = "";
  closedCleanly = true;
  /** Messages or queues were given up in a salvage: what is left is to be written anew. */
  lossy = false;
  /** The latest time in the records. */
  lastTime = 0;
  /** When reading along: the queues of which something new was read. */
  touched: Set<QueueState> | undefined;
  /** Deletions that a replay has met. */
  readonly removals: QueueState[] = [];
  /** Forgotten while there was no lane to record it. */
  readonly unburied: QueueState[] = [];

  readonly descriptors: Descriptors;
  readonly quickReads: QuickReads;
  readonly #deadlines: Deadlines;

  constructor(options: JournalOptions) {
    this.options = options;
    this.descriptors = new Descriptors(options.port);
    this.quickReads = new QuickReads(options.memoryBytes);
    this.#deadlines = new Deadlines(options.clock);
  }

  /** Remove the queue when its time has come. */
  watchExpiry(queue: QueueState): void {
    if (expiresAt(queue) === Number.POSITIVE_INFINITY) return;
    this.#deadlines.add({
      deadline: () => (queue.gone || queue.removed ? undefined : expiresAt(queue)),
      expire: () => this.expire(queue),
    });
  }

  stopWatching(): void {
    this.#deadlines.stop();
  }

  /** The lane, for an operation that writes. */
  writer(): Lane {
    if (this.lane === undefined) throw storeReadonly();
    return this.lane;
  }

  assertOpen(): void {
    if (this.closed) throw storeClosed();
  }

  /** The queue of this name, its TTL renewed; throws when it is not there. */
  find(name: string, renew = true): QueueState {
    this.assertOpen();
    const queue = this.byName.get(name);
    if (queue === undefined) {
      checkName(name);
      throw queueNotFound(name);
    }
    this.use(queue, renew);
    return queue;
  }

  /** The same for a queue that was found before. */
  use(queue: QueueState, renew = true): void {
    if (this.closed) throw storeClosed();
    if (queue.limited) this.#useLimited(queue, renew);
    if (queue.gone || queue.removing || queue.removed) {
      throw queue.forkCount > 0 ? queueRemoved(queue.name) : queueNotFound(queue.name);
    }
  }

  #useLimited(queue: QueueState, renew: boolean): void {
    const { ttlMs } = queue.settings;
    const now = this.options.clock.now();
    if (isExpired(queue, now)) {
      this.expire(queue);
      throw queueNotFound(queue.name);
    }
    if (ttlMs !== undefined && renew) this.#touch(queue, ttlMs, now);
  }

  /** Renew a sliding TTL; the log is told only now and then, since a restart forgets what it was not told. */
  #touch(queue: QueueState, ttlMs: number, now: number): void {
    queue.touchedAt = now;
    if (now - queue.recordedTouch < Math.max(TOUCH_MS, ttlMs / 8)) return;
    this.stageTouch(queue);
  }

  stageTouch(queue: QueueState): void {
    const { lane } = this;
    if (lane === undefined || lane.ready() !== undefined || queue.removing || queue.removed) return;
    queue.recordedTouch = queue.touchedAt;
    const { segment } = lane.begin(RECORD_HEADER);
    lane.buffer.record(RecordType.touch, queue.number, queue.next, undefined);
    queue.lastSegment = segment.number;
    lane.kick();
  }

  /** The queue of this name if it is there, for an operation that does not renew its TTL. */
  peek(name: string): QueueState | undefined {
    this.assertOpen();
    const queue = this.byName.get(name);
    if (queue === undefined || queue.removing || queue.removed) return undefined;
    if (isExpired(queue, this.options.clock.now())) {
      this.expire(queue);
      return undefined;
    }
    return queue;
  }

  /** Put a queue into the tables. */
  add(queue: QueueState): void {
    this.byNumber.set(queue.number, queue);
    if (!queue.provisional) this.byName.set(queue.name, queue);
    if (queue.number >= this.nextQueue) this.nextQueue = queue.number + 1;
    queue.parent?.addFork(queue);
  }

  /** Take the queues of a snapshot in; those to which more than their names lead at once. */
  adoptDormant(dormant: Dormant): void {
    this.dormant = dormant;
    this.covered = new Map();
    this.byName.incomplete = true;
    this.byNumber.incomplete = true;
    const queues = dormant.eager.map((number) => this.byNumber.get(number)!);
    for (const queue of queues) {
      const { fork } = queue.settings;
      if (fork === undefined) continue;
      queue.parent = this.byNumber.get(fork.queue);
      if (queue.parent === undefined) throw new Error("an origin is missing in the snapshot");
      queue.parent.addFork(queue);
    }
    for (const queue of queues) {
      if (queue.removed && queue.forkCount > 0) this.byName.set(queue.name, queue);
    }
  }

  /** The numbers of all queues, growing. */
  queueNumbers(): Uint32Array {
    const built = [...this.byNumber.builtKeys()];
    return Uint32Array.from([...built, ...(this.dormant?.numbers() ?? [])]).toSorted();
  }

  #build(built: Built | undefined): QueueState | undefined {
    if (built === undefined) return undefined;
    const { queue } = built;
    this.byNumber.set(queue.number, queue);
    if (!queue.removed) this.byName.set(queue.name, queue);
    this.covered?.set(queue.number, built.covered);
    if (this.dormant?.size === 0) {
      this.dormant = undefined;
      this.byName.incomplete = false;
      this.byNumber.incomplete = false;
    }
    return queue;
  }

  #buildAll(): void {
    for (const number of this.dormant?.numbers() ?? []) this.byNumber.get(number);
  }

  /** Forget everything, to read the folder anew. */
  async clear(): Promise<void> {
    this.byName.clear();
    this.byNumber.clear();
    this.dormant = undefined;
    this.covered = undefined;
    this.removals.length = 0;
    this.unburied.length = 0;
    this.boot = "";
    this.closedCleanly = true;
    this.lastTime = 0;
    this.lossy = false;
    this.touched = undefined;
    this.#deadlines.stop();
    const { segments } = this;
    this.segments = [];
    for (const segment of segments) await this.descriptors.drop(segment);
  }

  /** Take a queue out of the tables, and with it parents that only it kept. */
  forget(queue: QueueState): void {
    queue.gone = true;
    if (this.byName.get(queue.name) === queue) this.byName.delete(queue.name);
    this.byNumber.delete(queue.number);
    queue.index.dropFrom(0);
    queue.wake();
    const { parent } = queue;
    if (parent === undefined || parent.gone) return;
    parent.removeFork(queue);
    if (parent.removed && parent.forkCount === 0) {
      this.forget(parent);
      this.#bury(parent);
    } else {
      parent.index.dropBefore(parent.floor());
    }
  }

  /** Record that nothing is left of a queue whose deletion may stand in a segment long gone. */
  #bury(queue: QueueState): void {
    const { lane } = this;
    if (lane === undefined) {
      this.unburied.push(queue);
      return;
    }
    const { segment } = lane.begin(RECORD_HEADER);
    lane.buffer.record(RecordType.delete, queue.number, queue.next, undefined);
    segment.tombstones.set(queue.number, queue.firstSegment);
    lane.kick();
  }

  /** The same for those that recovery found. */
  buryAll(): void {
    for (const queue of this.unburied.splice(0)) this.#bury(queue);
  }

  /** What a deletion comes to: nothing is left, or forks still read the messages. */
  applyRemoval(queue: QueueState): void {
    queue.removed = true;
    if (queue.forkCount === 0) {
      this.forget(queue);
    } else {
      queue.index.dropBefore(queue.floor());
    }
  }

  /** The time has come: the queue is gone for everybody, now. */
  expire(queue: QueueState): void {
    if (this.lane === undefined) return;
    if (queue.removing || queue.removed || queue.gone) return;
    const switching = this.lane.ready();
    if (switching === undefined) this.stageRemoval(queue);
    else {
      // Nobody else may ask for it again. If no lane can be opened, who asks for it gives it back.
      switching.then(
        () => this.expire(queue),
        () => {},
      );
    }
  }

  /** Lay the deletion down; it takes effect at once, and is undone if it cannot be written. */
  stageRemoval(queue: QueueState): Batch {
    const lane = this.writer();
    const batch = lane.begin(RECORD_HEADER);
    batch.touch(queue);
    lane.buffer.record(RecordType.delete, queue.number, queue.next, undefined);
    queue.removing = true;
    if (queue.forkCount === 0) this.byName.delete(queue.name);
    batch.onRollback(() => {
      queue.removing = false;
      this.byName.set(queue.name, queue);
    });
    batch.onCommit(() => {
      queue.removing = false;
      batch.segment.tombstones.set(queue.number, queue.firstSegment);
      this.applyRemoval(queue);
      this.retention?.wake();
    });
    lane.kick();
    return batch;
  }
}
