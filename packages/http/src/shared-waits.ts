import type { Offset, Store } from "@lazy/fsqueue";

/** Called once: there is something new, or the wait failed with this. */
type Woken = (failure?: { readonly error: unknown }) => void;

interface Wait {
  readonly sleepers: Set<Woken>;
  readonly controller: AbortController;
}

/**
 * One wait in the store for all live readers of a queue that stand at the same offset: an abort signal for
 * each and every message kept the garbage collector busier than the messages did.
 */
export class SharedWaits {
  readonly #store: Store;
  readonly #waits = new Map<string, Wait>();

  constructor(store: Store) {
    this.#store = store;
  }

  /** Call `woken` once when there is something after the offset; returns the function that gives up. */
  wait(id: string, name: string, after: Offset, woken: Woken): () => void {
    const key = `${id} ${after}`;
    const wait = this.#waits.get(key) ?? this.#start(key, name, after);
    wait.sleepers.add(woken);
    return () => {
      wait.sleepers.delete(woken);
      if (wait.sleepers.size === 0) wait.controller.abort();
    };
  }

  #start(key: string, name: string, after: Offset): Wait {
    const controller = new AbortController();
    const wait: Wait = { sleepers: new Set(), controller };
    const settle = (failure?: { readonly error: unknown }): void => {
      if (this.#waits.get(key) === wait) this.#waits.delete(key);
      const sleepers = [...wait.sleepers];
      wait.sleepers.clear();
      for (const woken of sleepers) woken(failure);
    };
    this.#waits.set(key, wait);
    controller.signal.addEventListener("abort", () => settle(), { once: true });
    this.#store.wait(name, after, controller.signal).then(
      () => settle(),
      (error: unknown) => settle({ error }),
    );
    return wait;
  }
}
