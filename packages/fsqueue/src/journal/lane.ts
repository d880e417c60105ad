import { QueueError } from "../errors.ts";
import { AppendBuffer } from "./append-buffer.ts";
import { Batch } from "./batch.ts";
import { BatchWriter, WRITE_NOW_LIMIT } from "./batch-writer.ts";
import { isFullDisk, storeFailed, storeFull, systemCode } from "./failure.ts";
import type { LaneOptions } from "./lane-options.ts";
import { BLOCK_LIMIT, SEGMENT_HEADER } from "./layout.ts";
import { SegmentFiles } from "./segment-files.ts";
import type { Segment } from "./segment.ts";
import { SyncTurn } from "./sync-turn.ts";
import { Syncer } from "./syncer.ts";

/** How long `written` data may wait for its fdatasync. */
const SYNC_DELAY_MS = 100;

const resolved = Promise.resolve();

/**
 * The writer: one append buffer, one flush loop. Operations lay their records down in the buffer at once;
 * the loop writes what gathered while the write before was under way. No timer decides when.
 */
export class Lane {
  readonly #options: LaneOptions;
  readonly buffer: AppendBuffer;

  readonly #files: SegmentFiles;
  readonly #writer: BatchWriter;
  /** The segment being written; its `size` is what is written, its `durable` what is synced. */
  #active: Segment | undefined;
  /** The segment of the batch being collected: maybe not created yet. */
  #planned: Segment | undefined;
  #plannedEnd = 0;

  /** The batch being collected, and the one in flight. */
  #batch: Batch | undefined;
  #writing: Batch | undefined;
  /** Resolves when that is written, or refused and all that follows from it is begun. */
  #inFlight: Promise<void> = resolved;
  readonly #syncer: Syncer;

  #closeNext = false;
  #scheduled = false;
  #lastWasLarge = false;
  /** How often something that was laid down has been undone. */
  rollbacks = 0;
  #failure: { readonly error: unknown } | undefined;
  /** A new lane is being opened after a failure. */
  #switching: Promise<void> | undefined;

  constructor(options: LaneOptions, position: { lane: number; nextSegment: number; time: number }) {
    this.#options = options;
    this.#files = new SegmentFiles(options, position);
    this.#writer = new BatchWriter(options);
    this.#syncer = new Syncer({
      sync: () => this.#sync(),
      onFailure: (error) => {
        // A batch in flight sees the failure when it is written, and gives the lane up.
        if (this.#writing === undefined) this.#giveUp(undefined, error);
      },
    });
    this.buffer = new AppendBuffer(options.memoryBytes, position.time);
  }

  /** Calls that made something durable. */
  get syncs(): number {
    return this.#files.syncs;
  }

  /** Where what is laid down ends: all records to come stand behind it. */
  get end(): { segment: number; offset: number } {
    const batch = this.#batch;
    if (batch === undefined) return { segment: this.#planned!.number, offset: this.#plannedEnd };
    return { segment: batch.segment.number, offset: this.buffer.end ?? batch.start };
  }

  /** Where the oldest batch that is not written yet begins, or the next one will. */
  get boundary(): { segment: number; offset: number } {
    const oldest = this.#writing ?? this.#batch;
    if (oldest === undefined) return this.end;
    return { segment: oldest.segment.number, offset: oldest.start };
  }

  get active(): Segment | undefined {
    return this.#active;
  }

  /** Go on in the segment that recovery left, or open a new one. */
  async start(last: Segment | undefined): Promise<void> {
    if (last !== undefined && last.descriptor >= 0) {
      this.#use(last);
      return;
    }
    await this.#files.makeLane();
    const segment = this.#files.plan(last, last?.size ?? 0);
    await this.#files.create(segment);
    this.#use(segment);
    this.#options.onSegment(segment, last);
  }

  /**
   * Make room for records of this many bytes together: they stand in one block, so that recovery finds all
   * of them or none. Lay them down with `buffer.record`, then call {@link promise} or {@link kick}.
   */
  begin(bytes: number): Batch {
    if (this.#failure !== undefined) throw storeFailed(this.#failure.error);
    if (bytes > BLOCK_LIMIT) {
      throw new QueueError(
        "MESSAGE_TOO_LARGE",
        `these messages need ${bytes} bytes in one block; the limit is ${BLOCK_LIMIT}. Append them in several calls`,
        { details: { bytes, limit: BLOCK_LIMIT } },
      );
    }
    const { buffer } = this;
    buffer.setTime(this.#options.now());
    const batch = this.#batch ?? this.#collect();
    buffer.reserve(batch, bytes);
    return batch;
  }

  /** All of an operation is laid down: a promise of `value`, kept when it is written (or durable). */
  promise<T>(batch: Batch, value: T, durable: boolean): Promise<T> {
    const promise = batch.promise(value, durable);
    this.kick();
    return promise;
  }

  /** The same where nobody waits. */
  kick(): void {
    if (!this.#scheduled && this.#writing === undefined) this.#schedule();
  }

  /** Resolves when everything laid down so far is written (or durable). */
  barrier(durable: boolean): Promise<void> {
    const newest = this.#batch ?? this.#writing;
    if (newest !== undefined) {
      this.kick();
      return newest.promise(undefined, durable);
    }
    if (!durable) return Promise.resolve();
    const active = this.#active!;
    if (active.durable >= active.size) return Promise.resolve();
    const { turn } = this.#syncer;
    void this.#syncer.request();
    return turn.promise();
  }

  /** What is laid down from now on is the last: files end with it. */
  async endFile(): Promise<void> {
    if (this.#active !== undefined) await this.#writer.endHeadroom(this.#active);
  }

  /** Nothing is under way after it, and nothing begins. */
  async stop(): Promise<void> {
    await this.#switching?.catch(() => {});
    await this.#syncer.stop();
  }

  /** The next batch, and what comes after it, goes to a new segment. */
  closeSegment(): void {
    this.#closeNext = true;
  }

  #collect(): Batch {
    if (this.#plannedEnd >= this.#options.segmentBytes || this.#closeNext) {
      this.#closeNext = false;
      this.#planned = this.#files.plan(this.#planned, this.#plannedEnd);
      this.#plannedEnd = SEGMENT_HEADER;
      this.buffer.reset();
    }
    this.#batch = new Batch(this.#planned!, this.#plannedEnd);
    return this.#batch;
  }

  #schedule(): void {
    if (this.#failure !== undefined) return;
    this.#scheduled = true;
    // Who waits for a disk gains from company: let the whole turn of the event loop board. Otherwise the
    // microtask queue is company enough while batches are small.
    if (this.#options.synced || this.#lastWasLarge) setImmediate(this.#flush);
    else void resolved.then(this.#flush); // `queueMicrotask` makes an AsyncResource each time
  }

  readonly #flush = (): void => {
    this.#scheduled = false;
    while (this.#writing === undefined && this.#failure === undefined) {
      const batch = this.#take();
      if (batch === undefined) return;
      this.#lastWasLarge = batch.length > WRITE_NOW_LIMIT / 4;
      if (this.#writeNow(batch)) continue;
      this.#writing = batch;
      this.#inFlight = this.#writeLater(batch);
      return;
    }
  };

  /** The oldest batch to write. */
  #take(): Batch | undefined {
    const batch = this.#batch;
    if (batch === undefined) return undefined;
    this.buffer.finish(batch);
    this.#plannedEnd = batch.end;
    this.#batch = undefined;
    return batch;
  }

  /** The short way for little data: no thread, no promise. False if it has to go the long way. */
  #writeNow(batch: Batch): boolean {
    if (
      this.#options.synced ||
      batch.segment !== this.#active ||
      this.#syncer.running // a write may wait for the journal of the file system then
    ) {
      return false;
    }
    if (!this.#writer.tryNow(batch)) return false;
    this.#written(batch);
    return true;
  }

  async #writeLater(batch: Batch): Promise<void> {
    try {
      if (batch.segment !== this.#active) await this.#roll(batch.segment);
      await this.#writer.write(batch, () => !this.#syncer.running);
      this.#throwIfFailed();
      if (this.#options.synced) {
        batch.segment.size = batch.end;
        await this.#syncer.request();
        this.#throwIfFailed();
        batch.commit(SyncTurn.over);
      } else {
        this.#written(batch);
      }
      this.#writing = undefined;
    } catch (error) {
      await this.#writeFailed(batch, error);
    }
    this.#flush();
  }

  #written(batch: Batch): void {
    batch.segment.size = batch.end;
    const { wantsSync } = batch;
    batch.commit(this.#syncer.turn);
    if (wantsSync) void this.#syncer.request();
    else this.#syncer.requestWithin(SYNC_DELAY_MS);
  }

  /** Finish the active segment, durably, and begin this one. */
  async #roll(next: Segment): Promise<void> {
    const previous = this.#active;
    if (previous !== undefined) {
      if (previous.durable < previous.size) await this.#syncer.request();
      this.#throwIfFailed();
      // Nothing may stand behind what counts once the next segment, which tells how much that is, is gone.
      if (await this.#writer.cutHeadroom(previous)) await this.#syncNow(previous);
    }
    await this.#files.create(next);
    this.#active = next;
    this.#options.onSegment(next, previous);
  }

  /** Make what is written durable. */
  async #sync(): Promise<void> {
    this.#throwIfFailed();
    const segment = this.#active!;
    const { size } = segment;
    if (segment.durable >= size) return;
    await this.#syncNow(segment);
    segment.durable = size;
  }

  async #syncNow({ descriptor }: Segment): Promise<void> {
    try {
      this.#files.syncs += 1;
      await this.#options.port.sync(descriptor);
    } catch (error) {
      this.#failure = { error };
      throw error;
    }
  }

  /** The batch is not in the file, or not to be relied on. */
  async #writeFailed(batch: Batch, error: unknown): Promise<void> {
    const active = this.#active;
    if (this.#failure === undefined && active !== undefined) {
      // Nothing that was acknowledged is in doubt: cut the half-written blocks off and stay in use.
      try {
        if (batch.segment === active) {
          await this.#writer.cut(active, batch.start);
          await this.#options.port.sync(active.descriptor);
        }
        this.#reject(batch, isFullDisk(error) ? storeFull(error) : storeFailed(error));
        this.#use(active);
        // If the next file could not be begun, what is left of it may say that this one ends here. And this
        // may be as large as a file of this process may get: others have room still.
        if (batch.segment !== active || systemCode(error) === "EFBIG") this.#closeNext = true;
        this.#writing = undefined;
        return;
      } catch (cause) {
        this.#failure = { error: cause };
      }
    }
    this.#giveUp(batch, this.#failure?.error ?? error);
    this.#writing = undefined;
  }

  /** Undo this batch and what was laid down after it, newest first. */
  #reject(batch: Batch | undefined, error: QueueError): void {
    this.rollbacks += 1;
    const collecting = this.#batch;
    this.#batch = undefined;
    if (collecting !== undefined) {
      this.buffer.finish(collecting);
      collecting.rollback(error);
    }
    if (batch !== undefined) {
      batch.rollback(error);
      this.buffer.discard(batch.segment, batch.start);
    }
    this.buffer.reset();
  }

  /**
   * After a failed fsync the kernel may have dropped the bytes and call the next one a success: never ask
   * again. Reject what is not acknowledged, open a new lane, carry over what was acknowledged as written.
   */
  #giveUp(batch: Batch | undefined, cause: unknown): void {
    const error = storeFailed(cause);
    this.#reject(batch, error);
    const unsettled = this.#syncer.takeUnsettled();
    if (this.#switching === undefined) this.#startSwitching(unsettled);
    else for (const turn of unsettled) turn.fail(error); // the new lane fails as well: who opens it is told
  }

  /** After a failure: a promise to wait for before the next operation; it rejects if the folder still fails. */
  ready(): Promise<void> | undefined {
    if (this.#failure !== undefined && this.#writing === undefined) {
      if (this.#switching === undefined) this.#startSwitching([]);
    }
    return this.#switching;
  }

  #startSwitching(unsettled: readonly SyncTurn[]): void {
    const switching = this.#switchLane(unsettled).finally(() => {
      this.#switching = undefined;
    });
    this.#switching = switching;
    switching.catch(() => {});
  }

  async #switchLane(unsettled: readonly SyncTurn[]): Promise<void> {
    const old = this.#active!;
    if (this.#options.synced) old.size = old.durable;
    let segment: Segment | undefined;
    try {
      this.#files.nextLane();
      await this.#files.makeLane();
      segment = this.#files.plan(old, old.durable);
      await this.#files.create(segment);
      this.#use(segment);
      this.#failure = undefined;
      if (old.durable < old.size) {
        const readThere = await this.#options.carryOver(old);
        await this.barrier(true);
        readThere();
      }
      old.cut = true;
      this.#options.onSegment(segment, old);
      for (const turn of unsettled) turn.settle();
    } catch (error) {
      this.#failure = { error };
      await this.#inFlight; // it may be writing to the new segment
      this.#reject(undefined, storeFailed(error));
      this.#use(old);
      // Its header says that the old segment ends early; without it, recovery reads what is still there.
      if (segment !== undefined) await this.#files.discard(segment);
      for (const turn of unsettled) turn.fail(storeFailed(error));
      throw storeFailed(error);
    }
  }

  #throwIfFailed(): void {
    if (this.#failure !== undefined) throw this.#failure.error as Error;
  }

  #use(segment: Segment): void {
    this.#active = segment;
    this.#planned = segment;
    this.#plannedEnd = segment.size;
    this.buffer.reset();
  }
}
