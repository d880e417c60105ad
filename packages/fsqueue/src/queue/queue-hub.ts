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
  readonly writers: Map<string, QueueWriter> = new Map();
  /** Who waits for messages of a queue to be dropped, or to be given back by a consumer. */
  readonly #changes = new Map<string, Waiters>();

  constructor(store: Store, clock: Clock) {
    this.store = store;
    this.clock = clock;
  }

  /** Messages of this queue were dropped or given back. */
  changed(name: string): void {
    const waiters = this.#changes.get(name);
    if (waiters === undefined) return;
    this.#changes.delete(name);
    waiters.wake();
  }

  /** Resolves at the next {@link changed} of this queue; rejects with the signal's reason. */
  async change(name: string, signal?: AbortSignal): Promise<void> {
    let waiters = this.#changes.get(name);
    if (waiters === undefined) this.#changes.set(name, (waiters = new Waiters()));
    try {
      await waiters.wait(signal);
    } finally {
      if (waiters.size === 0 && this.#changes.get(name) === waiters) this.#changes.delete(name);
    }
  }
}
