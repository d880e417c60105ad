import type { StoredMessage } from "@lazy/fsqueue";
import type { PulledBody } from "./answer.ts";
import type { Slabs } from "./slabs.ts";

const pieceBytes = 64 * 1024;
const open = Buffer.from("[");
const comma = Buffer.from(",");
const close = Buffer.from("]");

/** The messages of one read as one body, joined piece by piece while it is written. */
export class JoinedBody implements PulledBody {
  /** Of the whole body, in bytes. */
  readonly length: number;
  readonly #parts: Iterator<Uint8Array, undefined>;
  readonly #slabs: Slabs;
  #slab: Buffer | undefined;
  /** What did not fit into the piece before. */
  #rest: Uint8Array | undefined;

  constructor(messages: readonly StoredMessage[], asJson: boolean, slabs: Slabs) {
    this.#slabs = slabs;
    let length = asJson ? Math.max(2, messages.length + 1) : 0;
    for (const message of messages) length += message.data.byteLength;
    this.length = length;
    this.#parts = asJson ? jsonParts(messages) : plainParts(messages);
  }

  /** All at once, where that is small; not after `next`. */
  whole(): Uint8Array {
    const whole = Buffer.allocUnsafe(this.length);
    let at = 0;
    for (let part = this.#parts.next().value; part !== undefined; part = this.#parts.next().value) {
      whole.set(part, at);
      at += part.byteLength;
    }
    return whole;
  }

  async next(): Promise<Uint8Array | undefined> {
    const first = this.#rest ?? this.#parts.next().value;
    this.#rest = undefined;
    if (first === undefined) {
      this.cancel();
      return undefined;
    }
    if (first.byteLength >= pieceBytes) return this.#cut(first);
    return this.#fill(first);
  }

  cancel(): void {
    if (this.#slab !== undefined) this.#slabs.giveBack(this.#slab);
    this.#slab = undefined;
  }

  /** Large messages are written from where they lie. */
  #cut(message: Uint8Array): Uint8Array {
    if (message.byteLength > pieceBytes) this.#rest = message.subarray(pieceBytes);
    return message.subarray(0, pieceBytes);
  }

  #fill(first: Uint8Array): Uint8Array {
    const slab = (this.#slab ??= this.#slabs.take());
    let bytes = 0;
    let part: Uint8Array | undefined = first;
    while (part !== undefined && bytes + part.byteLength <= pieceBytes) {
      slab.set(part, bytes);
      bytes += part.byteLength;
      part = this.#parts.next().value;
    }
    this.#rest = part;
    return slab.subarray(0, bytes);
  }
}

function* plainParts(messages: readonly StoredMessage[]): Generator<Uint8Array, undefined> {
  for (const message of messages) yield message.data;
}

function* jsonParts(messages: readonly StoredMessage[]): Generator<Uint8Array, undefined> {
  yield open;
  let first = true;
  for (const message of messages) {
    if (!first) yield comma;
    first = false;
    yield message.data;
  }
  yield close;
}
