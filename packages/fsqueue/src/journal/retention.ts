import { join } from "node:path";
import { readRecords } from "./fetch.ts";
import type { Journal } from "./journal.ts";
import type { Lane } from "./lane.ts";
import { RECORD_HEADER, RecordType } from "./layout.ts";
import type { Run } from "./message-index.ts";
import type { QueueState } from "./queue-state.ts";
import type { Segment } from "./segment.ts";
import { stageStart } from "./session-record.ts";
import { encodeState } from "./state-record.ts";

/** A segment of which less than this share is still needed is copied forward and deleted. */
const WORTH_COPYING = 0.25;
/** How long after something was dropped the segments are looked through. */
const DELAY_MS = 200;
/** Records copied in one block, so that appends get in between. */
const COPY_BYTES = 256 << 10;
/** The active segment is closed early when it is this large and hardly needed. */
const CLOSE_EARLY_BYTES = 1 << 20;
/** The same two when asked to give back all that is worth a copy. */
const WORTH_COMPACTING = 0.9;
const CLOSE_COMPACTING_BYTES = 4096;

/**
 * Gives disk space back. A segment may go when no message in it can be read any more and nothing else it
 * says is needed: the states of its queues are written anew first, and of its deletions those that
 * segments before it still need.
 */
export class Retention {
  readonly #journal: Journal;
  readonly #lane: Lane;
  #cancel: (() => void) | undefined;
  #running: Promise<void> | undefined;
  #stopped = false;
  /** Folders in which segments were deleted, and that is not durable yet; oldest deletion first. */
  readonly #deletedIn: Set<string> = new Set();

  constructor(journal: Journal, lane: Lane) {
    this.#journal = journal;
    this.#lane = lane;
  }

  /** Something was dropped, or a segment was closed: look soon. */
  wake(): void {
    if (this.#cancel !== undefined || this.#stopped) return;
    const { clock } = this.#journal.options;
    this.#cancel = clock.schedule(clock.now() + DELAY_MS, () => {
      this.#cancel = undefined;
      // What fails here fails again for who appends, and is told there; space is given back later.
      this.run().catch(() => {});
    });
  }

  /** Look through the segments now; resolves when nothing more is worth giving back. */
  run(): Promise<void> {
    this.#running ??= this.#run(WORTH_COPYING, CLOSE_EARLY_BYTES).finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  /** Give back whatever is dropped, copying the rest; `onProgress` is told how many bytes are looked through. */
  async compact(onProgress: (done: number, total: number) => void): Promise<void> {
    while (this.#running !== undefined) await this.#running;
    this.#running = this.#run(WORTH_COMPACTING, CLOSE_COMPACTING_BYTES, onProgress).finally(() => {
      this.#running = undefined;
    });
    await this.#running;
  }

  /** After a salvage: write anew what is left, so that what is damaged or missing is needed no more. */
  async heal(): Promise<void> {
    const lane = this.#lane;
    if (lane.active?.damaged === true) {
      await lane.barrier(false);
      lane.closeSegment();
      stageStart(this.#journal, lane);
      await lane.barrier(true);
    }
    for (const queue of this.#journal.byNumber.values()) this.#writeState(queue);
    await lane.barrier(true);
    for (const segment of this.#journal.segments.filter((one) => one.damaged)) {
      await this.#retire(segment);
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancel?.();
    await this.#running?.catch(() => {});
  }

  async #run(
    share: number,
    closeBytes: number,
    onProgress?: (done: number, total: number) => void,
  ): Promise<void> {
    await this.#closeEarly(share, closeBytes);
    const segments = this.#journal.segments.slice();
    const total = segments.reduce((sum, { size }) => sum + size, 0);
    let done = 0;
    for (const segment of segments) {
      onProgress?.(done, total);
      done += segment.size;
      if (this.#stopped || segment === this.#lane.active) break;
      if (segment.live > segment.size * share) continue;
      await this.#retire(segment);
    }
    await this.#syncDeletions();
    onProgress?.(total, total);
  }

  /** A deleted segment must not come back: what it said may have been forgotten elsewhere by then. */
  async #syncDeletions(): Promise<void> {
    for (const folder of this.#deletedIn) {
      await this.#journal.options.port.syncFolder(folder);
      this.#deletedIn.delete(folder);
    }
  }

  /** Close a large active segment of which little is needed, so that it can be retired. */
  async #closeEarly(share: number, closeBytes: number): Promise<void> {
    const { active } = this.#lane;
    if (active === undefined || active.size < closeBytes) return;
    if (active.live > active.size * share) return;
    await this.#lane.barrier(false);
    this.#lane.closeSegment();
    stageStart(this.#journal, this.#lane);
    await this.#lane.barrier(true);
  }

  /** False if it is still needed. */
  async #retire(segment: Segment): Promise<boolean> {
    const journal = this.#journal;
    const before = journal.segments.find(({ number }) => number === segment.previous);
    if (before?.cut === true) {
      // The header of this segment keeps out what stands there beyond what counts: that goes first.
      if (!(await this.#retire(before))) return false;
    }
    // Nor may what went before come back when what told of a removal, or of an end, is gone.
    if (before?.cut === true || segment.tombstones.size > 0) await this.#syncDeletions();
    if (segment.live > 0) {
      for (const queue of journal.byNumber.values()) {
        for (const run of queue.index.runs.filter((one) => one.segment === segment)) {
          await this.#copy(queue, run);
        }
      }
    }
    this.#restate(segment);
    this.#keepTombstones(segment);
    await this.#lane.barrier(true);
    if (segment.live > 0 || segment.readers > 0) return false;
    journal.segments = journal.segments.filter((one) => one !== segment);
    this.#deletedIn.add(join(segment.path, ".."));
    try {
      await this.#deleteFile(segment);
    } catch (error) {
      // It is still there, and the next look finds it.
      journal.segments = [...journal.segments, segment].toSorted((a, b) => a.number - b.number);
      throw error;
    }
    await journal.descriptors.drop(segment);
    return true;
  }

  async #deleteFile({ path, damaged }: Segment): Promise<void> {
    const { port } = this.#journal.options;
    if (damaged) await port.rename(path, `${path}.damaged`);
    else await port.remove(path);
  }

  async #copy(queue: QueueState, run: Run): Promise<void> {
    const end = run.first + run.count;
    const { segment } = run;
    for (let first = run.first; first < end;) {
      const records = await readRecords(this.#journal, queue, first, end, segment, COPY_BYTES);
      if (records.length === 0) return;
      first = records.at(-1)!.sequence + 1;
      // Meanwhile some may have been dropped; what is being removed must not stand behind its deletion.
      const isThere = (sequence: number): boolean =>
        !queue.removing && queue.index.find(sequence)?.segment === segment;
      const kept = records.filter(({ sequence }) => isThere(sequence));
      if (kept.length === 0) continue;
      let bytes = 0;
      for (const { data } of kept) bytes += RECORD_HEADER + data.length;
      const batch = this.#lane.begin(bytes);
      const { buffer } = this.#lane;
      const places = kept.map(({ sequence, data, time }) =>
        buffer.recordAt(time, RecordType.data, queue.number, sequence, data),
      );
      queue.lastSegment = batch.segment.number;
      // Not before they are written: that may be refused.
      batch.onCommit(() => {
        for (const [at, { sequence, data }] of kept.entries()) {
          if (!isThere(sequence)) continue;
          queue.index.set(sequence, batch.segment, places[at]!, data.length);
        }
      });
      await this.#lane.promise(batch, undefined, false);
    }
  }

  /** Write the state of every queue anew that this segment may say something of. */
  #restate(segment: Segment): void {
    const { number } = segment;
    for (const queue of this.#journal.byNumber.values()) {
      const said = queue.anchor <= number && number <= queue.lastSegment;
      if (said) this.#writeState(queue);
    }
    stageStart(this.#journal, this.#lane);
  }

  #writeState(queue: QueueState): void {
    const state = encodeState(queue);
    const batch = this.#lane.begin(RECORD_HEADER + state.length);
    this.#lane.buffer.record(RecordType.open, queue.number, queue.next, state);
    const { anchor } = queue;
    queue.anchor = batch.segment.number;
    queue.lastSegment = batch.segment.number;
    batch.onRollback(() => {
      queue.anchor = anchor;
    });
  }

  /** Deletions stand as long as a segment does that holds records of the queue. */
  #keepTombstones(segment: Segment): void {
    const others = this.#journal.segments.filter((one) => one.number < segment.number);
    for (const [queue, first] of segment.tombstones) {
      if (!others.some((one) => one.number >= first)) continue;
      const batch = this.#lane.begin(RECORD_HEADER);
      this.#lane.buffer.record(RecordType.delete, queue, 0, undefined);
      batch.segment.tombstones.set(queue, first);
    }
    this.#lane.kick();
  }
}
