import { dirname, resolve } from "node:path";
import { type Clock, systemClock } from "../clock.ts";
import { carryOver } from "./carry-over.ts";
import { type FileStore, JournalStore } from "./journal-store.ts";
import { checkFolder, refusedOpening } from "./folder-check.ts";
import { Follower } from "./follower.ts";
import { Journal } from "./journal.ts";
import { Lane } from "./lane.ts";
import { createNodePort } from "./node-port.ts";
import type { FilePort } from "./port.ts";
import { newStoreNumber, recover } from "./recovery.ts";
import { Retention } from "./retention.ts";
import type { Loss } from "./salvage.ts";
import { writeStart } from "./session-record.ts";
import { Snapshots } from "./snapshots.ts";

export interface FileStoreOptions {
  /** The folder; created (for this user only) if it does not exist. One process writes it at a time. */
  readonly dir: string;
  /**
   * What an acknowledged append has survived: `written` the death of the process, `synced` a power cut
   * as well. Default `written`, whose messages reach the disk within 100 ms; `synced` costs a sync for
   * all appends that wait together, 0.1 to 10 ms by the disk.
   */
  readonly durability?: "written" | "synced";
  /**
   * Read a folder that another process may be writing: every writing method rejects with
   * `STORE_READONLY`. What is written shows within about a millisecond where the system tells of changes,
   * else within 250; `flush` waits until all of it does.
   */
  readonly readonly?: boolean;
  /**
   * Go on without what is damaged instead of rejecting with `CORRUPT`. Called for each stretch of messages
   * that is lost; readers see a gap between the offsets. The damaged files are kept beside the others,
   * under names that end in `.damaged`.
   */
  readonly salvage?: (loss: Loss) => void;
  /** A segment that has reached this is closed and the next begun. Default 64 MiB. */
  readonly segmentBytes?: number;
  /**
   * What was written last is kept in memory up to this, for readers that keep up. Default 32 MiB. What is
   * read of queues that were written in turn may take half as much besides, at most 16 MiB.
   */
  readonly memoryBytes?: number;
  /**
   * An index of the queues is written at the close, and whenever a segment is closed, if without it more
   * than this would have to be scanned at the next opening. Default 4 MiB, a scan of about 20 ms.
   */
  readonly indexBytes?: number;
  /** The largest message in bytes, at most 8 MiB. Default 8 MiB. */
  readonly maxMessageBytes?: number;
  /** Default: the machine's time. */
  readonly clock?: Clock;
  /** The file operations. Default: those of the machine. */
  readonly port?: FilePort;
}

const MOST_MESSAGE_BYTES = 8 << 20;

/**
 * Open the store in a folder, and recover what an earlier process left there. Errors: `FOLDER_IN_USE`,
 * `FOLDER_UNSUITABLE` (on a network, not writable, of a newer version), `CORRUPT`, `STORE_FULL`, `STORE_FAILED`.
 */
export async function openFileStore(options: FileStoreOptions): Promise<FileStore> {
  const dir = resolve(options.dir);
  const { port = createNodePort(), clock = systemClock } = options;
  const journal = new Journal({
    dir,
    port,
    clock,
    salvage: options.salvage,
    synced: options.durability === "synced",
    segmentBytes: options.segmentBytes ?? 64 << 20,
    memoryBytes: options.memoryBytes ?? 32 << 20,
    maxMessageBytes: Math.min(options.maxMessageBytes ?? MOST_MESSAGE_BYTES, MOST_MESSAGE_BYTES),
  });
  if (options.readonly === true) {
    const follower = new Follower(journal);
    try {
      await follower.start();
    } catch (error) {
      await journal.descriptors.closeAll();
      throw refusedOpening(dir, error);
    }
    return new JournalStore(journal, follower);
  }
  const unlock = await takeFolder(port, dir);
  try {
    await startWriting(journal, options.indexBytes ?? 4 << 20);
  } catch (error) {
    await journal.descriptors.closeAll();
    await unlock();
    throw refusedOpening(dir, error);
  }
  return new JournalStore(journal, undefined, unlock);
}

async function takeFolder(port: FilePort, dir: string): Promise<() => Promise<void>> {
  try {
    await makeFolderDurable(port, dir);
    await checkFolder(port, dir);
    return await port.lock(dir);
  } catch (error) {
    throw refusedOpening(dir, error);
  }
}

async function startWriting(journal: Journal, indexBytes: number): Promise<void> {
  const { dir, port, clock, segmentBytes, memoryBytes, synced } = journal.options;
  const recovered = await recover(journal, true);
  if (journal.store === 0) journal.store = newStoreNumber();
  const lane = new Lane(
    {
      port,
      dir,
      store: journal.store,
      segmentBytes,
      memoryBytes,
      synced,
      now: () => clock.now(),
      nextQueue: () => journal.nextQueue,
      onSegment(segment, previous) {
        journal.segments.push(segment);
        if (previous !== undefined) journal.descriptors.adopt(previous);
        journal.retention?.wake();
        journal.snapshots?.rolled();
      },
      carryOver: (old) => carryOver(journal, lane, old),
    },
    { lane: recovered.lane, nextSegment: recovered.nextSegment, time: journal.lastTime },
  );
  await lane.start(recovered.last);
  await writeStart(journal, lane);
  journal.lane = lane;
  journal.retention = new Retention(journal, lane);
  journal.buryAll();
  if (journal.lossy) await journal.retention.heal();
  journal.retention.wake();
  journal.snapshots = new Snapshots(journal, lane, indexBytes, recovered.snapshot);
}

/** Create the folder. The entries of it and of the parents that were created with it are made durable. */
async function makeFolderDurable(port: FilePort, dir: string): Promise<void> {
  const topmost = await port.makeFolder(dir);
  if (topmost === undefined) {
    // Whoever made it may not have come to that. What stands above may be closed to this user.
    if ((await port.list(dir)).length === 0) await port.syncFolder(dirname(dir)).catch(() => {});
    return;
  }
  const above = dirname(topmost);
  for (let folder = dir; folder !== above && folder !== dirname(folder); folder = dirname(folder)) {
    await port.syncFolder(dirname(folder));
  }
}
