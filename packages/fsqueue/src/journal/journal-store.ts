import { storeClosed } from "../store-errors.ts";
import type {
  AppendOptions,
  AppendReceipt,
  CopyResult,
  Ending,
  Leases,
  LiveListener,
  LiveReader,
  Offset,
  OpenOptions,
  Position,
  QueueInfo,
  ReadOptions,
  ReadResult,
  SealOptions,
  Store,
  StoreCapabilities,
  StoredMessage,
  StoreStats,
  WaitSignal,
} from "../store.ts";
import { append, seal } from "./append.ts";
import { getCursor, setCursor } from "./cursors.ts";
import { remove, take, trim } from "./drop.ts";
import type { Follower } from "./follower.ts";
import { infoOf } from "./info.ts";
import type { Journal } from "./journal.ts";
import { JournalReader } from "./journal-reader.ts";
import { createLeases } from "./leases.ts";
import { openQueue } from "./open-queue.ts";
import { read, readInto, wait } from "./read.ts";
import { Scratch } from "./scratch.ts";
import { writeClose } from "./session-record.ts";
import { storeReadonly } from "./failure.ts";

/** A store in a folder. */
export interface FileStore extends Store {
  /**
   * Give back the disk space of whatever is dropped, copying what is needed beside it. The store does by
   * itself what is worth it (where less than a quarter is needed); this leaves at most a tenth unneeded.
   * `onProgress` is told how many of how many bytes have been looked through.
   */
  compact(onProgress?: (done: number, total: number) => void): Promise<void>;
}

/** The contract over the journal: what goes wrong is a rejection, never a throw. */
export class JournalStore implements FileStore {
  readonly capabilities: StoreCapabilities;
  readonly leases: Leases;
  readonly cursors: Store["cursors"];
  readonly #journal: Journal;
  #closing: Promise<void> | undefined;
  readonly #scratch: Scratch = new Scratch();

  readonly #follower: Follower | undefined;
  readonly #unlock: () => Promise<void>;

  constructor(
    journal: Journal,
    follower: Follower | undefined,
    unlock: () => Promise<void> = async () => {},
  ) {
    this.#journal = journal;
    this.#follower = follower;
    this.#unlock = unlock;
    const leases = createLeases(journal);
    this.leases = {
      ...leases,
      acquire: (...call) => this.#write(() => leases.acquire(...call)),
      acknowledge: (...call) => this.#write(() => leases.acknowledge(...call)),
      release: (...call) => this.#write(() => leases.release(...call)),
    };
    this.cursors = {
      get: (name, group) => getCursor(journal, name, group),
      set: (name, group, offset, options) =>
        this.#write(() => setCursor(journal, name, group, offset, options)),
    };
    this.capabilities = {
      persistent: true,
      durable: true,
      forks: true,
      leases: true,
      readonly: journal.lane === undefined,
      maxMessageBytes: journal.options.maxMessageBytes,
    };
  }

  open(name: string, options?: OpenOptions): Promise<{ created: boolean; info: QueueInfo }> {
    return this.#write(() => openQueue(this.#journal, name, options));
  }

  append(
    name: string,
    batch: readonly Uint8Array[],
    options?: AppendOptions,
  ): Promise<AppendReceipt> {
    // As `#write`, without a closure for each message.
    const switching = this.#journal.lane?.ready();
    if (switching !== undefined) return switching.then(() => this.append(name, batch, options));
    try {
      return append(this.#journal, name, batch, options);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  seal(name: string, ending: Ending, options?: SealOptions): Promise<AppendReceipt> {
    return this.#write(() => seal(this.#journal, name, ending, options));
  }

  read(name: string, from: Position, options?: ReadOptions): Promise<ReadResult> {
    try {
      return Promise.resolve(read(this.#journal, name, from, options));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  readInto(
    name: string,
    from: Position,
    target: Uint8Array | number,
    options?: { readonly separator?: number; readonly upTo?: Offset },
  ): Promise<CopyResult> {
    try {
      return readInto(this.#journal, name, from, { target, ...options }, this.#scratch);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  follow(name: string, from: Position, listener: LiveListener): LiveReader {
    const journal = this.#journal;
    return new JournalReader(journal, journal.find(name), from, listener);
  }

  wait(name: string, after: Offset, signal?: WaitSignal): Promise<void> {
    return wait(this.#journal, name, after, signal);
  }

  take(name: string, max: number): Promise<readonly StoredMessage[]> {
    return this.#write(() => take(this.#journal, name, max));
  }

  trim(name: string, upTo: Offset | "now"): Promise<number> {
    return this.#write(() => trim(this.#journal, name, upTo));
  }

  remove(name: string): Promise<boolean> {
    return this.#write(() => remove(this.#journal, name));
  }

  async info(name: string): Promise<QueueInfo | undefined> {
    const queue = this.#journal.peek(name);
    return queue === undefined || queue.uncommitted ? undefined : infoOf(this.#journal, queue);
  }

  async *list(prefix = ""): AsyncIterable<QueueInfo> {
    const journal = this.#journal;
    journal.assertOpen();
    const names = [...journal.byName.keys()].filter((name) => name.startsWith(prefix));
    const sorted = names.map((name) => Buffer.from(name)).toSorted((a, b) => Buffer.compare(a, b));
    for (const name of sorted) {
      const info = await this.info(name.toString());
      if (info !== undefined) yield info;
    }
  }

  async orphans(): Promise<readonly QueueInfo[]> {
    const journal = this.#journal;
    journal.assertOpen();
    return [...journal.byName.builtKeys()].flatMap((name) => {
      const queue = journal.peek(name);
      return journal.lane !== undefined &&
        queue !== undefined &&
        queue.settings.owned &&
        !queue.claimed &&
        !queue.ended
        ? [infoOf(journal, queue)]
        : [];
    });
  }

  async stats(): Promise<StoreStats> {
    const journal = this.#journal;
    journal.assertOpen();
    let queues = 0;
    let messages = 0;
    let bytes = 0;
    for (const queue of journal.byName.values()) {
      if (queue.removed || queue.removing) continue;
      const info = infoOf(journal, queue);
      queues += 1;
      messages += info.messages;
      bytes += info.bytes;
    }
    let diskBytes = 0;
    for (const segment of journal.segments) diskBytes += segment.size;
    return { queues, messages, bytes, diskBytes, syncs: journal.lane?.syncs ?? 0 };
  }

  async compact(onProgress: (done: number, total: number) => void = () => {}): Promise<void> {
    this.#journal.assertOpen();
    if (this.capabilities.readonly) throw storeReadonly();
    await this.#write(async () => this.#journal.retention?.compact(onProgress));
  }

  async flush(): Promise<void> {
    this.#journal.assertOpen();
    await this.#follower?.refresh();
    await this.#write(async () => this.#journal.lane?.barrier(true));
  }

  /** Writing waits while the journal moves to another lane; what throws is a rejection. */
  #write<T>(run: () => Promise<T>): Promise<T> {
    const switching = this.#journal.lane?.ready();
    if (switching !== undefined) return switching.then(run);
    try {
      return run();
    } catch (error) {
      return Promise.reject(error);
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const journal = this.#journal;
    journal.closed = true;
    journal.stopWatching();
    const closed = storeClosed();
    for (const queue of journal.byNumber.built()) {
      queue.fail(closed);
    }
    const { lane } = journal;
    try {
      await this.#follower?.stop();
      await journal.retention?.stop();
      if (lane !== undefined) {
        await lane.ready();
        for (const queue of journal.byNumber.built()) {
          if (queue.touchedAt > queue.recordedTouch && queue.settings.ttlMs !== undefined) {
            journal.stageTouch(queue);
          }
        }
        await lane.barrier(true);
        await lane.endFile().catch(() => {}); // the next open does it
        // The mark lets the next open tell damage from a torn end; what was acknowledged needs it not.
        const cleanly = await writeClose(lane).then(
          () => true,
          () => false,
        );
        await journal.snapshots?.close(cleanly);
      }
    } finally {
      await journal.snapshots?.stop();
      await lane?.stop();
      const active = lane?.active;
      if (active !== undefined) journal.descriptors.adopt(active);
      await journal.descriptors.closeAll();
      await this.#unlock();
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
