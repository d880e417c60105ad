import type { CopyResult, Position, Store } from "@lazy/fsqueue";
import type { PulledBody } from "./answer.ts";
import type { Slabs } from "./slabs.ts";

const openBracket = 0x5b;
const comma = 0x2c;
const closeBracket = 0x5d;
/** In a slab, beside the payloads: a bracket or comma before and a bracket after them. */
const marks = 2;
const pieceBytes = 64 * 1024;

/** A store that copies payloads into buffers. */
export type CopyingStore = Store & Required<Pick<Store, "readInto">>;

/** Whether a store is such a one. */
export function canCopy(store: Store): store is CopyingStore {
  return store.readInto !== undefined;
}

/** What one answer will hold, measured before it is written. */
export interface Extent {
  readonly name: string;
  readonly from: Position;
  /** From {@link Store.readInto} with a number. */
  readonly measured: CopyResult;
  readonly asJson: boolean;
}

/** How many payloads and separators, and brackets around them, come to. */
export function extentLength({ measured, asJson }: Extent): number {
  return measured.bytes + (asJson ? marks : 0);
}

/** How payloads are joined. */
export function joining(asJson: boolean): { readonly separator?: number } {
  return asJson ? { separator: comma } : {};
}

/** All of an extent in one buffer, where that is small. */
export async function copyWhole(store: CopyingStore, extent: Extent): Promise<Uint8Array> {
  const { name, from, measured, asJson } = extent;
  const whole = Buffer.allocUnsafe(extentLength(extent));
  const target = asJson ? whole.subarray(1, -1) : whole;
  // The measured bytes fill the target: what was appended since then finds no room in it.
  const copied = await store.readInto(name, from, target, joining(asJson));
  if (copied.bytes !== measured.bytes) throw changed(name);
  if (asJson) {
    whole[0] = openBracket;
    whole[whole.length - 1] = closeBracket;
  }
  return whole;
}

/** An extent, copied into one slab after the other while it is written. No object is made a message. */
export class CopiedBody implements PulledBody {
  readonly #store: CopyingStore;
  readonly #slabs: Slabs;
  readonly #extent: Extent;
  #position: Position;
  #complete: boolean;
  #begun = false;
  #closed = false;
  #cancelled = false;
  #written = 0;
  #slab: Buffer | undefined;
  /** The store is copying into the slab. */
  #copying = false;
  /** Of a message larger than a slab, what is still to be written. */
  #rest: Uint8Array | undefined;

  constructor(store: CopyingStore, slabs: Slabs, extent: Extent) {
    this.#store = store;
    this.#slabs = slabs;
    this.#extent = extent;
    this.#position = extent.from;
    this.#complete = extent.measured.messages === 0;
  }

  async next(): Promise<Uint8Array | undefined> {
    const piece = await this.#piece();
    this.#written += piece?.byteLength ?? 0;
    const cut = !this.#cancelled && this.#written !== extentLength(this.#extent);
    if (piece === undefined && cut) {
      throw changed(this.#extent.name);
    }
    return piece;
  }

  cancel(): void {
    this.#cancelled = true;
    this.#giveBackSlab();
  }

  #giveBackSlab(): void {
    this.#closed = true;
    this.#rest = undefined;
    // One that the store still copies into must never hold another queue's bytes: it is let go for good.
    if (this.#slab !== undefined && !this.#copying) this.#slabs.giveBack(this.#slab);
    this.#slab = undefined;
  }

  async #piece(): Promise<Uint8Array | undefined> {
    if (this.#rest !== undefined) return this.#cut(this.#rest);
    if (this.#closed) {
      this.#giveBackSlab();
      return undefined;
    }
    const { name, measured, asJson } = this.#extent;
    const slab = (this.#slab ??= this.#slabs.take());
    if (this.#complete) return this.#end(slab);
    const start = asJson ? 1 : 0;
    const options = { ...joining(asJson), upTo: measured.next };
    this.#copying = true;
    const copied = await this.#store.readInto(name, this.#position, slab.subarray(start), options);
    this.#copying = false;
    if (this.#closed) return undefined;
    if (asJson) slab[0] = this.#begun ? comma : openBracket;
    this.#begun = true;
    if (copied.messages === 0) return this.#large(slab.subarray(0, start));
    this.#position = copied.next;
    this.#complete = copied.next >= measured.next;
    return slab.subarray(0, start + copied.bytes);
  }

  /** A message that fits into no slab is written from where it lies. */
  async #large(before: Uint8Array): Promise<Uint8Array> {
    const { name } = this.#extent;
    const { messages } = await this.#store.read(name, this.#position, { max: 1 });
    const [message] = messages;
    if (message === undefined) throw changed(name);
    this.#position = message.offset;
    this.#complete = message.offset >= this.#extent.measured.next;
    this.#rest = message.data;
    return before;
  }

  #cut(message: Uint8Array): Uint8Array {
    this.#rest = message.byteLength > pieceBytes ? message.subarray(pieceBytes) : undefined;
    return message.subarray(0, pieceBytes);
  }

  #end(slab: Buffer): Uint8Array {
    this.#closed = true;
    slab[0] = closeBracket;
    return slab.subarray(0, this.#extent.asJson ? 1 : 0);
  }
}

function changed(name: string): Error {
  return new Error(`The queue ${JSON.stringify(name)} changed while an answer was written.`);
}
