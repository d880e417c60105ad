import type { QueueState } from "./queue-state.ts";

/**
 * The queues by their names or by their numbers. Those of a snapshot are built when they are first asked
 * for, by either; whoever goes through all of them has all of them built.
 */
export class QueueTable<Key> {
  readonly #built = new Map<Key, QueueState>();
  readonly #build: (key: Key) => QueueState | undefined;
  readonly #buildAll: () => void;
  /** Some are not built yet. */
  incomplete = false;

  constructor(build: (key: Key) => QueueState | undefined, buildAll: () => void) {
    this.#build = build;
    this.#buildAll = buildAll;
  }

  get(key: Key): QueueState | undefined {
    const queue = this.#built.get(key);
    return queue === undefined && this.incomplete ? this.#build(key) : queue;
  }

  has(key: Key): boolean {
    return this.get(key) !== undefined;
  }

  set(key: Key, queue: QueueState): void {
    this.#built.set(key, queue);
  }

  delete(key: Key): void {
    this.#built.delete(key);
  }

  clear(): void {
    this.#built.clear();
    this.incomplete = false;
  }

  keys(): IterableIterator<Key> {
    this.#buildAll();
    return this.#built.keys();
  }

  values(): IterableIterator<QueueState> {
    this.#buildAll();
    return this.#built.values();
  }

  /** Those that were asked for since the folder was opened, or that more than a name leads to. */
  builtKeys(): IterableIterator<Key> {
    return this.#built.keys();
  }

  /** The same. */
  built(): IterableIterator<QueueState> {
    return this.#built.values();
  }

  /** The same of one. */
  tryGet(key: Key): QueueState | undefined {
    return this.#built.get(key);
  }
}
