import { isQueueError } from "../errors.ts";
import type { Offset, Store } from "../store.ts";
import type { DequeueOptions } from "./queue.ts";
import { endingError } from "../ending.ts";
import { Feed } from "./feed.ts";
import type { Decoder, Message } from "./message.ts";
import { Tail } from "./tail.ts";

/** A reader of one queue whose position is kept in the store under the name of its group. */
export interface CursorConsumer<T> extends AsyncIterable<Message<T>> {
  readonly group: string;
  /** The committed position; undefined before the first commit. */
  position(): Promise<Offset | undefined>;
  /**
   * The messages after those last read here (at first: after the committed position), at most `limit`
   * (default 1,000). With `wait`, none means that the queue has ended.
   */
  read(limit?: number, options?: DequeueOptions): Promise<Message<T>[]>;
  /**
   * Commit a position, by default that of the last message read; durable when it resolves. If another
   * consumer of the group has committed since this one read its position, `CURSOR_CONFLICT`, and the next
   * `read` starts from there.
   */
  commit(offset?: Offset): Promise<void>;
  /**
   * Follow the queue from the committed position like `tail`. A message counts as read when the next one
   * is asked for: `commit()` in the loop's body commits it.
   */
  [Symbol.asyncIterator](): AsyncIterator<Message<T>>;
}

/** See {@link CursorConsumer}. `opened` resolves once the queue may be read. */
export function createCursorConsumer<T>(
  store: Store,
  name: string,
  group: string,
  opened: () => Promise<unknown>,
  decode: Decoder<T>,
): CursorConsumer<T> {
  /** The committed position as known here. */
  let committed: { readonly offset: Offset | undefined } | undefined;
  let last: Offset | undefined;

  const load = async (): Promise<Offset | undefined> => {
    if (committed === undefined) {
      await opened();
      committed = { offset: await store.cursors.get(name, group) };
    }
    return committed.offset;
  };

  return {
    group,

    async position() {
      await opened();
      return store.cursors.get(name, group);
    },

    async read(limit = 1000, { wait = false, signal } = {}) {
      const from = last ?? (await load()) ?? "start";
      signal?.throwIfAborted();
      let { messages, next, ending } = await store.read(name, from, { max: limit });
      if (messages.length === 0 && wait) {
        if (ending === undefined) {
          const feed = new Feed({ store, name, open: undefined }, next, { signal, max: limit });
          try {
            messages = await feed.batch();
          } finally {
            feed.close();
          }
        } else if (ending.status !== "ok") throw endingError(name, ending);
      }
      last = messages.at(-1)?.offset ?? last;
      return messages.map(decode);
    },

    async commit(offset) {
      const expect = await load();
      const to = offset ?? last;
      if (to === undefined || to === expect) return;
      try {
        await store.cursors.set(name, group, to, { expect });
        committed = { offset: to };
      } catch (error) {
        if (isQueueError(error, "CURSOR_CONFLICT")) {
          committed = undefined;
          last = undefined;
        }
        throw error;
      }
    },

    async *[Symbol.asyncIterator]() {
      const from = last ?? (await load()) ?? "start";
      const feed = new Feed({ store, name, open: undefined }, from, {});
      for await (const message of new Tail(feed, decode)) {
        last = message.offset;
        yield message;
      }
    },
  };
}
