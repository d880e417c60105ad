import { join } from "node:path";
import { crc32 } from "./crc32.ts";
import type { Journal } from "./journal.ts";
import type { Lane } from "./lane.ts";
import { viewOf } from "./layout.ts";
import { EntryBuffer, type LogPlace } from "./snapshot-entry.ts";
import {
  SNAPSHOT_DRAFT,
  SNAPSHOT_FILE,
  SNAPSHOT_HEADER,
  SNAPSHOT_LIMIT,
  isLittleEndian,
  writeSnapshotHeader,
} from "./snapshot-layout.ts";
import { type LoadedSnapshot, witness } from "./snapshot-reader.ts";

/** So many bytes of entries are made at a time (about 0.5 ms); appends get in between. */
const SLICE = 64 << 10;
/** In the background, the log must have grown by so many times the size of a snapshot to be worth another. */
const WORTH = 4;

const encoder = new TextEncoder();

/** Writes index snapshots: at the close, and in the background when a segment is closed. */
export class Snapshots {
  readonly #journal: Journal;
  readonly #lane: Lane;
  readonly #minimum: number;
  /** Up to where the newest one covers the log, and the segments it speaks of. */
  #covered: LogPlace = { segment: 0, offset: 0 };
  #segments: readonly number[] = [];
  #size = 0;
  #writing: Promise<void> | undefined;

  /** `minimum`: so many bytes of the log are worth a snapshot rather than a scan. */
  constructor(journal: Journal, lane: Lane, minimum: number, loaded: LoadedSnapshot | undefined) {
    this.#journal = journal;
    this.#lane = lane;
    this.#minimum = minimum;
    if (loaded === undefined) return;
    this.#covered = loaded.place;
    this.#segments = loaded.segments;
    this.#size = loaded.size;
  }

  /** A segment was closed: is it time for another snapshot? */
  rolled(): void {
    if (this.#writing !== undefined) return;
    if (this.#toScan() < Math.max(this.#minimum, this.#size * WORTH)) return;
    // A hint that cannot be written is missed by nobody but who opens the folder next.
    this.#writing = this.#write(false)
      .catch(() => {})
      .finally(() => {
        this.#writing = undefined;
      });
  }

  /** Nothing will be written any more; `cleanly` if the log says so, too. */
  async close(cleanly: boolean): Promise<void> {
    await this.#writing;
    if (this.#toScan() >= this.#minimum) await this.#write(cleanly).catch(() => {});
  }

  /** Resolves when none is being written any more. */
  async stop(): Promise<void> {
    await this.#writing;
  }

  /** Bytes that would be scanned if the folder were opened now. */
  #toScan(): number {
    const { segments } = this.#journal;
    const there = new Set(segments.map(({ number }) => number));
    const valid = this.#segments.length > 0 && this.#segments.every((one) => there.has(one));
    const { segment, offset } = valid ? this.#covered : { segment: 0, offset: 0 };
    let bytes = 0;
    for (const { number, size } of segments) {
      if (number === segment) bytes += size - offset;
      else if (number > segment) bytes += size;
    }
    return bytes;
  }

  async #write(closedCleanly: boolean): Promise<void> {
    const { port, dir } = this.#journal.options;
    if (!isLittleEndian()) return;
    const draft = join(dir, SNAPSHOT_DRAFT);
    await port.remove(draft);
    const descriptor = await port.open(draft, "create");
    let done: (() => void) | undefined;
    try {
      done = await this.#fill(descriptor, closedCleanly);
      if (done !== undefined) await port.sync(descriptor);
    } finally {
      await port.close(descriptor);
      if (done === undefined) await port.remove(draft);
    }
    if (done === undefined) return;
    await port.rename(draft, join(dir, SNAPSHOT_FILE));
    await port.syncFolder(dir);
    done();
  }

  /**
   * Write the file. Slice by slice, with appends in between: each entry says up to where in the log it goes,
   * and the log is read on from where the first slice began. Undefined if it came to nothing: something was
   * undone meanwhile, or a segment deleted.
   */
  async #fill(descriptor: number, closedCleanly: boolean): Promise<(() => void) | undefined> {
    const journal = this.#journal;
    const lane = this.#lane;
    const { rollbacks } = lane;
    const place = lane.boundary;
    const before = journal.segments;
    const output = new Output(journal, descriptor);
    let queues = 0;
    const numbers = journal.queueNumbers();
    for (let next = 0; next < numbers.length;) {
      const slice = new EntryBuffer();
      const covered = lane.end;
      for (; next < numbers.length && slice.used < SLICE; next += 1) {
        if (this.#add(slice, numbers[next]!, covered)) queues += 1;
      }
      await output.write(slice.bytes.subarray(0, slice.used));
      if (lane.rollbacks !== rollbacks || output.length > SNAPSHOT_LIMIT) return undefined;
    }
    const entriesLength = output.length;
    // Nothing in it may be undone from here on.
    await lane.barrier(true);
    const { segments } = journal;
    const header = {
      closedCleanly,
      store: journal.store,
      queues,
      segments: segments.length,
      ...place,
      nextQueue: journal.nextQueue,
      time: lane.buffer.time,
      entriesLength,
    };
    const { descriptors } = journal;
    const at = segments.find(({ number }) => number === place.segment);
    if (at === undefined || before.some((one) => !segments.includes(one))) return undefined;
    await output.write(this.#segmentTable());
    const boot = encoder.encode(journal.boot);
    await output.write(boot);
    await descriptors.acquire(at);
    try {
      const witnessed = await witness(journal, at, place.offset);
      await output.finish(
        writeSnapshotHeader({
          ...header,
          bootLength: boot.length,
          witness: witnessed,
          bodyCrc: output.crc,
        }),
      );
    } finally {
      descriptors.release(at);
    }
    return () => {
      this.#covered = place;
      this.#segments = segments.map(({ number }) => number);
      this.#size = output.length;
    };
  }

  #add(slice: EntryBuffer, number: number, covered: LogPlace): boolean {
    const journal = this.#journal;
    const queue = journal.byNumber.tryGet(number);
    if (queue === undefined) {
      const entry = journal.dormant?.entry(number);
      if (entry === undefined) return false;
      slice.copy(entry);
      return true;
    }
    // Its deletion is on its way: it stands behind the place from which the log is read on.
    if (queue.removing && queue.forkCount === 0) return false;
    slice.add(queue, covered);
    return true;
  }

  #segmentTable(): Uint8Array {
    const { segments } = this.#journal;
    let length = 0;
    for (const { tombstones } of segments) length += 16 + tombstones.size * 8;
    const bytes = new Uint8Array(new ArrayBuffer(length));
    const view = viewOf(bytes);
    let at = 0;
    for (const { number, salt, size, tombstones } of segments) {
      view.setUint32(at, number, true);
      view.setUint32(at + 4, salt, true);
      view.setUint32(at + 8, size, true);
      view.setUint32(at + 12, tombstones.size, true);
      at += 16;
      for (const [queue, first] of tombstones) {
        view.setUint32(at, queue, true);
        view.setUint32(at + 4, first, true);
        at += 8;
      }
    }
    return bytes;
  }
}

/** The file being written: its header comes last. */
class Output {
  readonly #journal: Journal;
  readonly #descriptor: number;
  length = 0;
  crc: number;

  constructor(journal: Journal, descriptor: number) {
    this.#journal = journal;
    this.#descriptor = descriptor;
    this.crc = journal.store;
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (bytes.length === 0) return;
    const at = SNAPSHOT_HEADER + this.length;
    this.length += bytes.length;
    this.crc = crc32(bytes, 0, bytes.length, this.crc);
    await this.#writeAt(bytes, at);
  }

  finish(header: Uint8Array): Promise<void> {
    return this.#writeAt(header, 0);
  }

  async #writeAt(bytes: Uint8Array, at: number): Promise<void> {
    const { port } = this.#journal.options;
    for (let from = 0; from < bytes.length;) {
      const left = bytes.length - from;
      const count = await port.write(this.#descriptor, bytes, from, left, at + from);
      if (count === 0) throw new Error("nothing was written to the snapshot");
      from += count;
    }
  }
}
