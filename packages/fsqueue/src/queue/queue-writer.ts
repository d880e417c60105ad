import { isQueueError, QueueError } from "../errors.ts";
import { messageTooLarge } from "../store-errors.ts";
import type {
  AppendOptions,
  AppendReceipt,
  Ending,
  OpenOptions,
  QueueInfo,
  SealOptions,
} from "../store.ts";
import { Waiters } from "../waiters.ts";
import { publishOpened, publishSealed } from "./channels.ts";
import { Line } from "./line.ts";
import type { QueueHub } from "./queue-hub.ts";
import { appendInParts, appendWhenRoom } from "./room.ts";

/** Up to this many bytes `tryAppend` says that all is well; a batch of its messages is no larger. */
const comfortableBytes = 256 * 1024;

interface Task {
  /** Messages to append: those of `tryAppend` in one batch. Without: `run` is another call to the store. */
  readonly batch: Uint8Array[];
  bytes: number;
  readonly run: (() => Promise<AppendReceipt>) | undefined;
  /** Who is told. Without: messages of `tryAppend`, whose failure is kept. */
  readonly resolve: ((receipt: AppendReceipt) => void) | undefined;
  readonly reject: ((error: unknown) => void) | undefined;
}

/**
 * Puts the writing calls of one queue in order. As long as nothing is in the way they go straight to the
 * store; while the queue is being opened, messages of `tryAppend` are under way, or the queue is full and
 * may block, they stand in line.
 */
export class QueueWriter {
  readonly name: string;
  readonly #hub: QueueHub;
  readonly #options: OpenOptions | undefined;
  readonly #owned: boolean;
  readonly #blocks: boolean;
  #opening: Promise<QueueInfo> | undefined;
  #opened = false;
  /** Made when a call has to stand in line: most never do. */
  #line: Line<Task> | undefined;
  /** The batch at the end of the line that `tryAppend` adds to. */
  #open: Task | undefined;
  #unsentBytes = 0;
  /** True while a task is under way that no other may overtake. */
  #holding = false;
  /** Goes on after {@link comeAfter}, once. */
  #goOn: (() => void) | undefined;
  #scheduled = false;
  #failure: { readonly error: unknown } | undefined;
  #idle: Waiters | undefined;
  /** Ends the waits for room; made when first read. */
  #aborter: AbortController | undefined;

  constructor(
    hub: QueueHub,
    name: string,
    options: { store: OpenOptions | undefined; owned: boolean; blocks: boolean },
  ) {
    this.#hub = hub;
    this.name = name;
    this.#options = options.store;
    this.#owned = options.owned;
    this.#blocks = options.blocks;
  }

  /** Creates the queue or finds it, the first time. */
  open(): Promise<QueueInfo> {
    return (this.#opening ??= this.#openNow());
  }

  /** The same every time: as it is now, and again if it was removed. */
  async reopen(): Promise<QueueInfo> {
    return this.#opened ? (await this.#openInStore()).info : this.open();
  }

  /** Removes the queue; the next call that writes makes it anew. */
  async remove(): Promise<boolean> {
    const removed = await this.#hub.store.remove(this.name);
    this.#opened = false;
    this.#opening = undefined;
    return removed;
  }

  append(batch: Uint8Array[], options?: AppendOptions): Promise<AppendReceipt> {
    if (this.#isClear) return this.#hub.store.append(this.name, batch, options);
    return this.#enter(batch, () => this.#append(batch, options), options?.signal);
  }

  seal(ending: Ending, options?: SealOptions): Promise<AppendReceipt> {
    const seal = (): Promise<AppendReceipt> => {
      return publishSealed(this.name, ending, this.#hub.store.seal(this.name, ending, options));
    };
    if (this.#isClear) return seal();
    return this.#enter([], seal, options?.signal);
  }

  /** Append without a promise: false when so much is unsent that the caller should wait for `flush`. */
  tryAppend(data: Uint8Array): boolean {
    if (this.#failure !== undefined) this.#tellFailure();
    const most = this.#hub.store.capabilities.maxMessageBytes;
    if (data.length > most) throw messageTooLarge(this.name, data.length, most);
    let task = this.#open;
    if (task === undefined || task.bytes >= comfortableBytes) {
      task = { batch: [], bytes: 0, run: undefined, resolve: undefined, reject: undefined };
      this.#open = task;
      this.#push(task);
    }
    task.batch.push(data);
    task.bytes += data.length;
    this.#unsentBytes += data.length;
    return this.#unsentBytes < comfortableBytes;
  }

  /** Resolves when what was called before is appended; rejects with what was not. */
  async flush(): Promise<void> {
    await this.#rested();
    if (this.#failure !== undefined) this.#tellFailure();
  }

  /** Whether the queue was made or found, and can be sealed. */
  get opened(): boolean {
    return this.#opened;
  }

  /** As {@link flush}, and an opening that is under way is over. */
  async settle(): Promise<void> {
    // Who asked for the queue to be opened is told.
    await this.#opening?.catch(() => {});
    await this.flush();
  }

  /** Wait for room no longer: what is blocked fails with this reason. */
  abandon(reason: unknown): void {
    if (this.#blocks) this.#abandoned.abort(reason);
    this.#goOn?.();
  }

  /**
   * Another writer of this queue has calls in line: those of this one wait for them, and are told what they
   * lost. To be called before any of them.
   */
  comeAfter(before: QueueWriter): void {
    this.#holding = true;
    this.#goOn = () => {
      this.#goOn = undefined;
      if (before.#failure !== undefined && !before.#owned) {
        this.#lose(before.#failure.error);
        before.#failure = undefined;
        before.forget();
      }
      this.#release();
    };
    if (before.#waiting || before.#holding) void before.#rested().then(() => this.#goOn?.());
    else this.#goOn();
  }

  async #rested(): Promise<void> {
    while (this.#waiting || this.#holding) await (this.#idle ??= new Waiters()).wait();
  }

  get #waiting(): boolean {
    return this.#line !== undefined && this.#line.length > 0;
  }

  /** Nothing is under way, so that a call may go straight to the store. */
  get #isClear(): boolean {
    return (
      this.#opened &&
      !this.#blocks &&
      !this.#holding &&
      !this.#waiting &&
      this.#failure === undefined
    );
  }

  async #openNow(): Promise<QueueInfo> {
    try {
      const { created, info } = await this.#openInStore();
      this.#opened = true;
      this.#advance();
      publishOpened({ created, info });
      return info;
    } catch (error) {
      // The next call tries again; those in line are told.
      this.#opening = undefined;
      this.#open = undefined;
      for (const task of this.#line?.takeAll() ?? []) this.#fail(task, error);
      this.#rest();
      throw error;
    }
  }

  async #openInStore(): Promise<{ created: boolean; info: QueueInfo }> {
    const { store } = this.#hub;
    const options = this.#options;
    if (!this.#owned) return store.open(this.name, options);
    try {
      return await store.open(this.name, { ...options, owned: true });
    } catch (error) {
      // It exists, made by somebody who does not own it, or differently by one who did not ask for more.
      if (!isQueueError(error, "QUEUE_EXISTS")) throw error;
      return store.open(this.name, options);
    }
  }

  #enter(
    batch: Uint8Array[],
    run: () => Promise<AppendReceipt>,
    signal: AbortSignal | undefined,
  ): Promise<AppendReceipt> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) this.#tellFailure();
      this.#open = undefined;
      if (signal === undefined) {
        this.#push({ batch, bytes: 0, run, resolve, reject });
        return;
      }
      signal.throwIfAborted();
      const onAbort = (): void => {
        this.#line?.remove(task);
        reject(signal.reason);
      };
      const settled = <V>(settle: (value: V) => void) => {
        return (value: V): void => {
          signal.removeEventListener("abort", onAbort);
          settle(value);
        };
      };
      const task = { batch, bytes: 0, run, resolve: settled(resolve), reject: settled(reject) };
      signal.addEventListener("abort", onAbort, { once: true });
      this.#push(task);
    });
  }

  #push(task: Task): void {
    this.#hub.register(this);
    (this.#line ??= new Line()).push(task);
    if (!this.#opened) {
      // Who stands in line is told by the line.
      this.open().catch(() => {});
    } else if (task.resolve !== undefined) {
      this.#advance();
    } else if (!this.#scheduled && !this.#holding) {
      this.#scheduled = true;
      queueMicrotask(this.#advance);
    }
  }

  readonly #advance = (): void => {
    this.#scheduled = false;
    while (this.#waiting && !this.#holding && this.#opened) {
      const task = this.#line?.shift();
      if (task === undefined) break;
      if (task === this.#open) this.#open = undefined;
      void this.#send(task);
    }
    if (!this.#waiting && !this.#holding) this.#rest();
  };

  async #send(task: Task): Promise<void> {
    const holds = this.#blocks || task.resolve === undefined;
    this.#holding = holds;
    try {
      if (task.run !== undefined) task.resolve?.(await task.run());
      else {
        await this.#appendTried(task.batch);
        this.#unsentBytes -= task.bytes;
      }
    } catch (error) {
      this.#fail(task, error);
    }
    if (holds) this.#release();
  }

  #release(): void {
    this.#holding = false;
    this.#advance();
  }

  #appendTried(batch: Uint8Array[]): Promise<unknown> {
    return this.#blocks
      ? appendInParts(this.#hub, this.name, batch, this.#abandoned.signal)
      : this.#hub.store.append(this.name, batch);
  }

  #append(batch: Uint8Array[], options?: AppendOptions): Promise<AppendReceipt> {
    if (!this.#blocks) return this.#hub.store.append(this.name, batch, options);
    const abandoned = this.#abandoned.signal;
    const signal =
      options?.signal === undefined ? abandoned : AbortSignal.any([abandoned, options.signal]);
    return appendWhenRoom(this.#hub, this.name, batch, { ...options, signal });
  }

  #fail(task: Task, error: unknown): void {
    if (task.reject !== undefined) {
      task.reject(error);
      return;
    }
    this.#unsentBytes -= task.bytes;
    this.#lose(error);
  }

  /**
   * After a lost message nothing may follow before the loss was told: a reader would see a gap. Those who
   * stand in line are told now; with none, the next call is.
   */
  #lose(error: unknown): void {
    this.#open = undefined;
    let told = false;
    for (const next of this.#line?.takeAll() ?? []) {
      this.#unsentBytes -= next.bytes;
      next.reject?.(error);
      told ||= next.reject !== undefined;
    }
    if (!told) this.#failure ??= { error };
  }

  get #abandoned(): AbortController {
    return (this.#aborter ??= new AbortController());
  }

  #rest(): void {
    if (!this.#owned && this.#failure === undefined) this.forget();
    this.#idle?.wake();
  }

  forget(): void {
    this.#hub.release(this);
  }

  #tellFailure(): never {
    const error = this.#failure?.error;
    this.#failure = undefined;
    if (!this.#owned) this.forget();
    throw error instanceof Error
      ? error
      : new QueueError("STORE_FAILED", "Messages could not be appended.", { cause: error });
  }
}
