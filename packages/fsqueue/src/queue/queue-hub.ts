import { type Clock } from "../clock.ts";
import type { Store } from "../store.ts";
import { Waiters } from "../waiters.ts";
import type { QueueWriter } from "./queue-writer.ts";

/**
 * What the handles of one `Queues` share: the store, the writers that have something to do, and those
 * who wait for something that only a call in this process can bring about.
 */
export class QueueHub {
  readonly store: Store;
  readonly clock: Clock;
  /**
   * Writers of live sessions, and others as long as they hold unsent messages or an untold failure, by
   * store name. Two handles of one queue share the writer here, so that their calls keep their order.
   */
  readonly #writers = new Map<string, QueueWriter>();
  /** Others with something to do, of queues that another one must be used for. Hardly ever any. */
  readonly #others = new Set<QueueWriter>();
  /** Grows whenever another writer may have to be used for a queue; see `WriterSource.steady`. */
  version = 0;
  /** Queues of which somebody wants to know when messages are dropped, or given back by a consumer. */
  readonly #watched = new Map<string, { watchers: number; version: number; waiters: Waiters }>();

  constructor(store: Store, clock: Clock) {
    this.store = store;
    this.clock = clock;
  }

  /** Those that have something to do, or may have. */
  writers(): Iterable<QueueWriter> {
    return [...this.#writers.values(), ...this.#others];
  }

  /** The writer that all must use for this queue. */
  writer(name: string): QueueWriter | undefined {
    return this.#writers.get(name);
  }

  /** This one has something to do. It must be used from now on, unless there is one already. */
  register(writer: QueueWriter): void {
    const present = this.#writers.get(writer.name);
    if (present === undefined) this.supersede(writer);
    else if (present !== writer) this.#others.add(writer);
  }

  /** This one must be used from now on; returns the one before it that still has something to do. */
  supersede(writer: QueueWriter): QueueWriter | undefined {
    const before = this.#writers.get(writer.name);
    if (before !== undefined) this.#others.add(before);
    this.#writers.set(writer.name, writer);
    this.version += 1;
    return before;
  }

  /** This one need not be used any more. */
  release(writer: QueueWriter): void {
    this.#others.delete(writer);
    if (this.#writers.get(writer.name) !== writer) return;
    this.#writers.delete(writer.name);
    this.version += 1;
    for (const other of this.#others) {
      if (other.name !== writer.name) continue;
      this.#others.delete(other);
      this.#writers.set(other.name, other);
    }
  }

  /** Messages of this queue were dropped or given back. */
  changed(name: string): void {
    const watched = this.#watched.get(name);
    if (watched === undefined) return;
    watched.version += 1;
    watched.waiters.wake();
  }

  /** Begin to count the changes of a queue; `close` it. */
  watch(name: string): Watch {
    let watched = this.#watched.get(name);
    if (watched === undefined) {
      watched = { watchers: 0, version: 0, waiters: new Waiters() };
      this.#watched.set(name, watched);
    }
    const mine = watched;
    mine.watchers += 1;
    return {
      get version() {
        return mine.version;
      },
      async changedSince(version, signal) {
        if (mine.version === version) await mine.waiters.wait(signal);
      },
      close: () => {
        mine.watchers -= 1;
        if (mine.watchers === 0) this.#watched.delete(name);
      },
    };
  }
}

/**
 * Look at `version` before trying, and wait for a change since it after having failed: what happens in
 * between is not missed.
 */
export interface Watch {
  readonly version: number;
  changedSince(version: number, signal?: AbortSignal): Promise<void>;
  close(): void;
}
