import { type ColdReader, type Stretch, readCold } from "./cold.ts";
import type { Journal } from "./journal.ts";
import { RECORD_HEADER } from "./layout.ts";
import type { Run } from "./message-index.ts";
import type { QueueState } from "./queue-state.ts";
import { SCRATCH, type Scratch } from "./scratch.ts";
import type { Chunk } from "./segment.ts";
import { visitRuns } from "./visit-runs.ts";

/** What was copied. */
export interface Copied {
  readonly bytes: number;
  readonly messages: number;
  /** The sequence to copy on from. */
  readonly end: number;
  /** Present when some are not in memory. To be called at once, before anything else happens. */
  readonly complete: (() => Promise<void>) | undefined;
}

/** A copy being made. */
class Copying {
  /** Undefined: nothing is copied, only measured. */
  readonly target: Uint8Array | undefined;
  readonly room: number;
  readonly separator: number | undefined;
  /** What is not in memory; each with its place in the target. */
  readonly cold: Stretch[] = [];
  bytes = 0;
  messages = 0;
  full = false;
  end: number;

  constructor(target: Uint8Array | number, separator: number | undefined, start: number) {
    this.target = typeof target === "number" ? undefined : target;
    this.room = typeof target === "number" ? target : target.length;
    this.separator = separator;
    this.end = start;
  }

  /** Room for a payload and the separator before it; undefined, and full, if there is none. */
  place(length: number): number | undefined {
    const apart = this.separator !== undefined && this.messages > 0;
    const at = apart ? this.bytes + 1 : this.bytes;
    if (at + length > this.room) {
      this.full = true;
      return undefined;
    }
    if (apart && this.target !== undefined) this.target[this.bytes] = this.separator!;
    this.bytes = at + length;
    this.messages += 1;
    return at;
  }

  /** Copy what is in memory; note what is not. */
  visit(owner: QueueState, run: Run, from: number, to: number): boolean {
    const { target } = this;
    const { segment, table } = run;
    let chunk: Chunk | undefined;
    /** The first of the entries just before this one that are not in memory, and its place. */
    let coldFrom = -1;
    let coldPlace = 0;
    const first = (run.skip + from - run.first) * 2;
    let entry = first;
    const note = (): void => {
      const sequence = from + (coldFrom - first) / 2;
      const places = table.subarray(coldFrom, entry);
      this.cold.push({ owner, segment, first: sequence, slot: coldPlace, places });
      coldFrom = -1;
    };
    for (const end = first + (to - from) * 2; entry < end; entry += 2) {
      const offset = table[entry]!;
      const length = table[entry + 1]!;
      const place = this.place(length);
      if (place === undefined) break;
      if (target === undefined) continue;
      if (
        chunk === undefined ||
        offset < chunk.fileStart ||
        offset >= chunk.fileStart + chunk.used
      ) {
        chunk = segment.chunkAt(offset);
      }
      if (chunk !== undefined) {
        if (coldFrom >= 0) note();
        const payload = offset - chunk.fileStart + RECORD_HEADER;
        target.set(chunk.bytes.subarray(payload, payload + length), place);
      } else if (coldFrom < 0) {
        coldFrom = entry;
        coldPlace = place;
      }
    }
    if (coldFrom >= 0) note();
    this.end = from + (entry - first) / 2;
    return !this.full;
  }
}

/**
 * Copy the payloads of the messages in `[start, tail)` into `target`, as many whole ones as fit. An object
 * for each message costs more than its bytes, and keeps the garbage collector busy: here is none.
 */
export function copyMessages(
  journal: Journal,
  queue: QueueState,
  range: { readonly start: number; readonly tail: number },
  into: { readonly target: Uint8Array | number; readonly separator: number | undefined },
  scratch: Scratch,
): Copied {
  const { start, tail } = range;
  const copying = new Copying(into.target, into.separator, start);
  visitRuns(queue, start, tail, copying);
  const { bytes, messages, cold } = copying;
  return {
    bytes,
    messages,
    end: copying.full ? copying.end : Math.max(start, tail),
    complete:
      cold.length === 0
        ? undefined
        : () => readCold(journal, cold, new PayloadReader(copying, scratch)),
  };
}

/** Payloads into the target, by way of a buffer that is used again. */
class PayloadReader implements ColdReader {
  readonly largestSpan: number = SCRATCH;
  readonly parallel: number = 1;
  readonly #target: Uint8Array;
  readonly #apart: number;
  readonly #scratch: Scratch;

  constructor({ target, separator }: Copying, scratch: Scratch) {
    this.#target = target!;
    this.#apart = separator === undefined ? 0 : 1;
    this.#scratch = scratch;
  }

  buffer(length: number): Uint8Array | Promise<Uint8Array> {
    return this.#scratch.take(length);
  }

  take(
    { slot }: Stretch,
    entry: number,
    before: number,
    view: DataView,
    at: number,
    length: number,
  ): void {
    const payload = new Uint8Array(view.buffer, at + RECORD_HEADER, length);
    this.#target.set(payload, slot + before + entry * this.#apart);
  }

  done(bytes: Uint8Array): void {
    this.#scratch.giveBack(bytes);
  }
}
