import { type Session } from "@lazy/context";
import { type Clock, systemClock } from "../clock.ts";
import { type Codec, jsonCodec } from "../codec.ts";
import { isQueueError } from "../errors.ts";
import { type FileStoreOptions, openFileStore } from "../journal/file-store.ts";
import { parseStoreName, storeNameOf } from "../queue-name.ts";
import type { QueueInfo, Store } from "../store.ts";
import { type Followable, MergedTail } from "./merged-tail.ts";
import type { Queue, QueueOptions } from "./queue.ts";
import { QueueHandle } from "./queue-handle.ts";
import { QueueHub } from "./queue-hub.ts";
import type { MergedTailOptions, Queues, SessionQueueInfo, SessionQueues } from "./queues.ts";
import { SessionWriters, writerOptionsOf } from "./session-writers.ts";
import { AmbientSource, PinnedSource, SessionSource, type WriterSource } from "./writer-source.ts";

/** Where the queues live: in a folder, with the options of a file store, or in any store. */
export type QueuesOptions = QueueLayerOptions &
  (({ readonly store?: undefined } & FileStoreOptions) | { readonly store: Store });

/** What is laid over the store, wherever that is. */
export interface QueueLayerOptions {
  /** The codec of queues that name none. Default JSON. */
  readonly codec?: Codec<unknown>;
  /**
   * Asked about each queue that a dead process left open: true keeps it open for this process to write on,
   * false (the default) seals it `aborted` with the code `WRITER_LOST`, so that no reader waits for ever.
   * In a store that several processes write it is also asked later, when another one has died; each queue is
   * asked about in one process.
   */
  readonly claim?: (info: QueueInfo) => boolean | Promise<boolean>;
  /** Default: the machine's time. */
  readonly clock?: Clock;
}

/**
 * Open the queues in a folder or store, and end those whose writer is gone; in a store that several processes
 * write, also those whose writer dies later. A store that is given is closed
 * with them. Rejects with what `openFileStore` does.
 */
export async function openQueues(options: QueuesOptions): Promise<Queues> {
  const { claim = () => false, codec = jsonCodec(), clock = systemClock } = options;
  const store = options.store === undefined ? await openFileStore(options) : options.store;
  try {
    const settle = (orphans: readonly QueueInfo[]) => settleOrphans(store, orphans, claim);
    if (!store.capabilities.readonly) {
      if (store.settleOrphans === undefined) await settle(await store.orphans());
      else await store.settleOrphans(settle);
    }
  } catch (error) {
    await store.close();
    throw error;
  }
  return createQueues(new QueueHub(store, clock), codec);
}

async function settleOrphans(
  store: Store,
  orphans: readonly QueueInfo[],
  claim: (info: QueueInfo) => boolean | Promise<boolean>,
): Promise<void> {
  await Promise.all(
    orphans.map(async (info) => {
      try {
        const claimed = await claim(info);
        // It may be gone meanwhile, and another made under its name.
        if ((await store.info(info.name))?.id !== info.id) return;
        if (claimed) await store.open(info.name);
        else {
          const message = "The process that wrote this queue is gone.";
          await store.seal(info.name, { status: "aborted", message, code: "WRITER_LOST" });
        }
      } catch (error) {
        // It has just expired.
        if (!isQueueError(error, "QUEUE_NOT_FOUND")) throw error;
      }
    }),
  );
}

function createQueues(hub: QueueHub, defaultCodec: Codec<unknown>): Queues {
  const { store } = hub;
  const sessions = new SessionWriters(hub);
  let closing: Promise<void> | undefined;

  const handle = <T, In>(
    name: string,
    options: QueueOptions<T, In>,
    source: WriterSource,
  ): Queue<T, In> => new QueueHandle<T, In>(hub, name, source, options, defaultCodec as Codec<T>);

  const sessionQueues = (idOrSession: string | Session): SessionQueues => {
    const id = typeof idOrSession === "string" ? idOrSession : idOrSession.id;
    storeNameOf(id, "-");
    return {
      id,
      queue: (name, options = {}) => {
        const asked = writerOptionsOf(options);
        const source =
          typeof idOrSession === "string"
            ? new PinnedSource(hub, id, name, asked)
            : new SessionSource(sessions, idOrSession, name, asked);
        return handle(name, options, source);
      },
      list: () => listSessions(store, storeNameOf(id, "-").slice(0, -1)),
    };
  };

  const flushWriters = async (): Promise<void> => {
    const results = await Promise.allSettled(Array.from(hub.writers(), (one) => one.flush()));
    const lost = results.flatMap((one) =>
      one.status === "rejected" ? [one.reason as unknown] : [],
    );
    if (lost.length > 1) throw new AggregateError(lost, `${lost.length} queues lost messages.`);
    if (lost.length === 1) throw lost[0];
  };

  const close = async (): Promise<void> => {
    try {
      await flushWriters();
    } finally {
      await store.close();
    }
  };

  return {
    store,
    queue: (name, options = {}) =>
      handle(name, options, new AmbientSource(sessions, name, writerOptionsOf(options))),
    session: sessionQueues,
    tail<Q extends Readonly<Record<string, Followable>>>(
      queues: Q,
      { from, signal }: MergedTailOptions<keyof Q & string> = {},
    ) {
      const sources = Object.entries(queues).map(([tag, queue]) => {
        const start = typeof from === "object" ? from[tag as keyof Q & string] : from;
        const batches = queue.batches({
          ...(start !== undefined && { from: start }),
          ...(signal !== undefined && { signal }),
        });
        return [tag, batches] as const;
      });
      return new MergedTail<Q>(Object.fromEntries(sources));
    },
    list: () => listSessions(store, ""),
    async flush() {
      await flushWriters();
      await store.flush();
    },
    close: () => (closing ??= close()),
    [Symbol.asyncDispose]: () => (closing ??= close()),
  };
}

async function* listSessions(store: Store, prefix: string): AsyncIterable<SessionQueueInfo> {
  for await (const info of store.list(prefix)) {
    const parts = parseStoreName(info.name);
    if (parts !== undefined) yield { ...info, ...parts };
  }
}
