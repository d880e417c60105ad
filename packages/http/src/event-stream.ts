import { isQueueError, type Offset, type QueueInfo, type ReadResult } from "@lazy/fsqueue";
import type { PulledBody } from "./answer.ts";
import { framingOf, storedContentType, type Framing } from "./content-type.ts";
import { canCopy, joining } from "./copied-body.ts";
import type { Core } from "./core.ts";
import { nextCursor } from "./cursor.ts";
import type { Pulsed } from "./pulse.ts";
import { fitsSlab } from "./slabs.ts";
import { joinPayloads, lengthOf, sseFrame, writeParts, type FramePart } from "./sse-frame.ts";

const pieceBytes = 64 * 1024;
const smallFrameBytes = 16 * 1024;
const shortestRenewalMs = 250;
const heartbeat = Buffer.from(": heartbeat\n\n");

/** Frames by the result they were made of, so that readers who share a result share its frame. */
const frames = new WeakMap<ReadResult, { readonly cursor: string; readonly frame: Uint8Array }>();

/** How far a frame leads. */
type Given = Pick<ReadResult, "next" | "atEnd" | "ending">;

/** What an event stream begins with. */
export interface EventStreamStart {
  readonly info: QueueInfo;
  readonly position: Offset;
  /** The client's `cursor`. */
  readonly cursor: string | undefined;
  /** Called once when the stream is over, for whatever reason. */
  onEnd(): void;
}

/**
 * The body of an event stream: catch-up, then live, one frame at a time and only when asked for the next,
 * so that a reader holds at most one frame, of some 64 KiB or one message, whichever is larger. It ends at the
 * end of a sealed queue, when the queue goes away, when it is time to connect anew, and when the server
 * drains; always between two frames.
 */
export class EventStream implements PulledBody, Pulsed {
  readonly #core: Core;
  readonly #info: QueueInfo;
  readonly #framing: Framing;
  readonly #clientCursor: string | undefined;
  readonly #onEnd: () => void;
  readonly #leaveReads: () => void;
  readonly #forgetDrain: () => void;
  readonly #silenceMs: number;
  readonly #startedAt = Date.now();
  #position: Offset;
  #sentAt = Date.now();
  #greeted = false;
  /** The last frame gave all there was. */
  #atEnd = false;
  #ending = false;
  #ended = false;
  /** Gives up the present wait. */
  #giveUp: (() => void) | undefined;
  #failure: { readonly error: unknown } | undefined;
  #wake: (() => void) | undefined;
  /** Holds the present frame until the next is asked for. */
  #slab: Buffer | undefined;

  constructor(core: Core, start: EventStreamStart) {
    this.#core = core;
    this.#info = start.info;
    this.#framing = framingOf(storedContentType(start.info.metadata, core.contentType));
    this.#clientCursor = start.cursor;
    this.#position = start.position;
    this.#onEnd = () => start.onEnd();
    this.#silenceMs = silenceOf(core.live.heartbeatMs, start.info.ttlMs);
    this.#leaveReads = core.reads.join(start.info.id);
    this.#forgetDrain = core.admission.onDrain(() => this.#finish());
    core.pulse.add(this);
  }

  async next(): Promise<Uint8Array | undefined> {
    try {
      this.#giveBackSlab();
      while (!this.#ending) {
        // Few promises lie between news and the write, fewer than before the append's own answer: a
        // reader that had to wait for that as well got its messages 1.3 times as late.
        const piece = (this.#atEnd ? undefined : await this.#catchUp()) ?? (await this.#live());
        if (piece !== undefined) {
          this.#sentAt = Date.now();
          return piece;
        }
        await this.#somethingNew();
        this.#wake = undefined;
        if (this.#failure !== undefined) throw this.#failure.error;
      }
      this.#end();
      return undefined;
    } catch (error) {
      this.#end();
      // The client learns on its next request what became of the queue.
      if (isQueueError(error, "QUEUE_NOT_FOUND") || isQueueError(error, "QUEUE_REMOVED")) {
        return undefined;
      }
      throw error;
    }
  }

  cancel(): void {
    this.#end();
    this.#finish();
  }

  pulse(now: number): void {
    if (now - this.#startedAt >= this.#core.live.rotateMs) this.#finish();
    else if (now - this.#sentAt >= this.#silenceMs) this.#wake?.();
  }

  /** The next frame of a reader that has caught up, or a heartbeat; undefined if it is too early for both. */
  #live(): Uint8Array | undefined | Promise<Uint8Array | undefined> {
    const { id, name } = this.#info;
    const result = this.#core.reads.read(id, name, this.#position, pieceBytes);
    return "messages" in result ? this.#news(result) : result.then((read) => this.#news(read));
  }

  #news(result: ReadResult): Uint8Array | undefined {
    if (result.messages.length > 0 || result.ending !== undefined || !this.#greeted) {
      const frame = this.#sharedFrame(result);
      if (this.#greeted) return this.#took(result, frame);
      return this.#took(result, Buffer.concat([Buffer.from(this.#retryField()), frame]));
    }
    return Date.now() - this.#sentAt >= this.#silenceMs ? heartbeat : undefined;
  }

  /** The next frame of a reader that is behind, copied from the store; undefined where that is no use. */
  async #catchUp(): Promise<Uint8Array | undefined> {
    const { store, slabs } = this.#core;
    if (!canCopy(store)) return undefined;
    const slab = slabs.take();
    try {
      const target = slab.subarray(0, pieceBytes);
      const options = joining(this.#framing === "json");
      const copied = await store.readInto(this.#info.name, this.#position, target, options);
      if (copied.messages === 0) return undefined;
      const payload = slab.subarray(0, copied.bytes);
      const parts = this.#parts(payload, copied);
      if (!this.#greeted) parts.unshift(this.#retryField());
      return this.#took(copied, this.#assemble(parts));
    } finally {
      slabs.giveBack(slab);
    }
  }

  /** Take note of what a frame gives. */
  #took(given: Given, frame: Uint8Array): Uint8Array {
    this.#position = given.next;
    this.#atEnd = given.atEnd;
    if (given.ending !== undefined) this.#ending = true;
    this.#greeted = true;
    return frame;
  }

  /** How to connect again: before the first frame. */
  #retryField(): string {
    return `retry: ${this.#core.live.retryMs}\n\n`;
  }

  #sharedFrame(result: ReadResult): Uint8Array {
    const known = frames.get(result);
    if (known !== undefined && known.cursor === nextCursor(this.#clientCursor)) return known.frame;
    const cursor = nextCursor(this.#clientCursor);
    const slab = this.#core.slabs.take();
    const payload = joinPayloads(result.messages, this.#framing, slab);
    const frame = this.#assemble(this.#parts(payload, result, cursor));
    this.#core.slabs.giveBack(slab);
    if (this.#slab === undefined) frames.set(result, { cursor, frame });
    return frame;
  }

  #parts(
    payload: Uint8Array | undefined,
    given: Given,
    cursor = nextCursor(this.#clientCursor),
  ): FramePart[] {
    return sseFrame(payload, this.#framing, {
      offset: given.next,
      cursor,
      upToDate: given.atEnd,
      ...(given.ending === undefined ? {} : { ending: given.ending }),
    });
  }

  /** Small frames are new and may be shared; large ones, of a reader that catches up, are put in a slab. */
  #assemble(parts: readonly FramePart[]): Uint8Array {
    const length = lengthOf(parts);
    const small = length <= smallFrameBytes || !fitsSlab(length) || this.#slab !== undefined;
    const frame = small ? Buffer.allocUnsafe(length) : (this.#slab = this.#core.slabs.take());
    writeParts(parts, frame);
    return frame.subarray(0, length);
  }

  #giveBackSlab(): void {
    if (this.#slab !== undefined) this.#core.slabs.giveBack(this.#slab);
    this.#slab = undefined;
  }

  /** Resolves when there may be something to read, when it is time for a heartbeat, or time to end. */
  #somethingNew(): Promise<void> {
    const woken = new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    this.#watch();
    if (this.#ending) this.#wake?.();
    return woken;
  }

  /** One wait at a time; it outlives heartbeats. */
  #watch(): void {
    if (this.#giveUp !== undefined) return;
    const { id, name } = this.#info;
    this.#giveUp = this.#core.waits.wait(id, name, this.#position, (failure) => {
      this.#giveUp = undefined;
      this.#failure = failure;
      this.#wake?.();
    });
  }

  /** No frame after the present one. */
  #finish(): void {
    this.#ending = true;
    this.#wake?.();
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#ending = true;
    this.#core.pulse.delete(this);
    this.#forgetDrain();
    this.#leaveReads();
    this.#giveUp?.();
    this.#giveUp = undefined;
    this.#giveBackSlab();
    this.#onEnd();
  }
}

/** A sliding TTL shorter than the heartbeat must not run out under a live reader: reading renews it. */
function silenceOf(heartbeatMs: number, ttlMs: number | undefined): number {
  if (ttlMs === undefined) return heartbeatMs;
  return Math.min(heartbeatMs, Math.max(shortestRenewalMs, ttlMs / 2));
}
