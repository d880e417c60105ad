import type { Offset, ReadResult, Store } from "@lazy/fsqueue";

interface LastRead {
  from: Offset;
  result: Promise<ReadResult> | undefined;
  readers: number;
}

/**
 * One read for all live readers of a queue that stand at the same offset: a hundred tabs on one answer cost
 * one look into the store a message, not a hundred. Messages never change, so the last result may serve
 * whoever asks from the same offset later, as long as it holds any.
 *
 * Kept by the queue's id, not its name: a queue that was removed and made anew has another.
 */
export class SharedReads {
  readonly #store: Store;
  readonly #last = new Map<string, LastRead>();

  constructor(store: Store) {
    this.#store = store;
  }

  /** Announce a reader of the queue; returns the function that announces its end. */
  join(id: string): () => void {
    const last = this.#last.get(id) ?? { from: "", result: undefined, readers: 0 };
    last.readers += 1;
    this.#last.set(id, last);
    return () => {
      last.readers -= 1;
      if (last.readers === 0) this.#last.delete(id);
    };
  }

  async read(id: string, name: string, from: Offset, maxBytes: number): Promise<ReadResult> {
    const last = this.#last.get(id);
    if (last === undefined || last.readers < 2) return this.#store.read(name, from, { maxBytes });
    // While one waits for the last result, another may have asked anew: look again until nothing is new.
    for (let seen; last.from === from && last.result !== seen;) {
      seen = last.result;
      const known = await seen?.catch(() => undefined);
      if (known !== undefined && known.messages.length > 0) return known;
    }
    const result = this.#store.read(name, from, { maxBytes });
    last.from = from;
    last.result = result;
    return result;
  }
}
