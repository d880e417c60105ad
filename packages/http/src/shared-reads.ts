import type { LiveReader, Offset, ReadResult, Store, StoredMessage } from "@lazy/fsqueue";

interface LastRead {
  /** Reads what is in memory, in stores that have such readers. */
  live: LiveReader | undefined;
  from: Offset;
  pending: Promise<ReadResult> | undefined;
  result: ReadResult | undefined;
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
    const last = this.#last.get(id) ?? nothingRead();
    last.readers += 1;
    this.#last.set(id, last);
    return () => {
      last.readers -= 1;
      if (last.readers > 0) return;
      last.live?.close();
      this.#last.delete(id);
    };
  }

  /** What {@link Store.read} gives, perhaps of a moment ago: who finds nothing waits, and is told. */
  read(id: string, name: string, from: Offset, maxBytes: number): ReadResult | Promise<ReadResult> {
    const last = this.#last.get(id);
    if (last === undefined) return this.#store.read(name, from, { maxBytes });
    if (last.readers < 2) return this.#read(last, name, from, maxBytes);
    if (last.from === from) {
      if (last.pending !== undefined) return last.pending;
      if (last.result !== undefined && last.result.messages.length > 0) return last.result;
    }
    const read = this.#read(last, name, from, maxBytes);
    last.from = from;
    last.pending = undefined;
    last.result = undefined;
    if ("messages" in read) return (last.result = read);
    const pending = (last.pending = read);
    const settle = (result?: ReadResult): void => {
      if (last.pending !== pending) return;
      last.pending = undefined;
      last.result = result;
    };
    pending.then(settle, () => settle());
    return pending;
  }

  /** What was just appended is in memory as a rule, and given without a promise. */
  #read(
    last: LastRead,
    name: string,
    from: Offset,
    maxBytes: number,
  ): ReadResult | Promise<ReadResult> {
    const live = (last.live ??= this.#store.follow?.(name, from, nobody));
    const read = live === undefined ? undefined : readLive(live, from, maxBytes);
    return read ?? this.#store.read(name, from, { maxBytes });
  }
}

/** Who is told of changes here: event streams wait for them by themselves. */
const nobody = { changed(): void {} };

/** What a read from here would give, if all of it is in memory. */
function readLive(live: LiveReader, from: Offset, maxBytes: number): ReadResult | undefined {
  if (live.offset !== from) live.moveTo(from);
  const messages: StoredMessage[] = [];
  let bytes = 0;
  while (bytes < maxBytes) {
    const message = live.next();
    if (message === undefined) break;
    messages.push(message);
    bytes += message.data.length;
  }
  if (live.behind) return undefined;
  const { offset: next, ending } = live;
  const atEnd = bytes < maxBytes;
  return { messages, next, atEnd, ...(atEnd && ending !== undefined && { ending }) };
}

function nothingRead(): LastRead {
  return { live: undefined, from: "", pending: undefined, result: undefined, readers: 0 };
}
