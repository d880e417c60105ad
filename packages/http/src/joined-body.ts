import type { StoredMessage } from "@lazy/fsqueue";
import type { PulledBody } from "./answer.ts";
import type { Slabs } from "./slabs.ts";

const pieceBytes = 64 * 1024;
const open = Buffer.from("[");
const comma = Buffer.from(",");
const close = Buffer.from("]");
const nothing: readonly StoredMessage[] = [];

/** Messages as one body in one piece, where that is small. */
export function joinWhole(messages: readonly StoredMessage[], asJson: boolean): Uint8Array {
  const parts: Uint8Array[] = asJson ? [open] : [];
  for (const message of messages) {
    if (asJson && parts.length > 1) parts.push(comma);
    parts.push(message.data);
  }
  if (asJson) parts.push(close);
  return Buffer.concat(parts);
}

/** Gives more messages, or none at the end of the body. */
export type MoreMessages = () => Promise<readonly StoredMessage[]>;

/**
 * Messages as one body, joined piece by piece while it is written, and read in the same steps: what was
 * written is forgotten before the next is read, so that however long the body is, it takes the memory of
 * a piece, and the engine never has to move it aside.
 */
export class JoinedBody implements PulledBody {
  readonly #asJson: boolean;
  readonly #slabs: Slabs;
  readonly #more: MoreMessages;
  /** What the answer's head promised. */
  readonly #length: number | undefined;
  #written = 0;
  #messages: readonly StoredMessage[];
  #next = 0;
  #begun = false;
  #closed = false;
  #cancelled = false;
  #slab: Buffer | undefined;
  /** Of a message larger than a piece, what is still to be written. */
  #rest: Uint8Array | undefined;

  constructor(
    messages: readonly StoredMessage[],
    more: MoreMessages,
    options: {
      readonly asJson: boolean;
      readonly slabs: Slabs;
      readonly length: number | undefined;
    },
  ) {
    this.#messages = messages;
    this.#more = more;
    this.#asJson = options.asJson;
    this.#slabs = options.slabs;
    this.#length = options.length;
  }

  async next(): Promise<Uint8Array | undefined> {
    const piece = await this.#piece();
    this.#written += piece?.byteLength ?? 0;
    const cut = !this.#cancelled && this.#written !== (this.#length ?? this.#written);
    if (piece === undefined && cut) {
      throw new Error(`The body came to ${this.#written} bytes instead of ${this.#length}.`);
    }
    return piece;
  }

  async #piece(): Promise<Uint8Array | undefined> {
    if (this.#rest !== undefined) return this.#cut(this.#rest);
    if (this.#closed) {
      this.#giveBackSlab();
      return undefined;
    }
    if (this.#next >= this.#messages.length) {
      this.#messages = await this.#more();
      this.#next = 0;
    }
    return this.#fill();
  }

  cancel(): void {
    this.#cancelled = true;
    this.#giveBackSlab();
  }

  #giveBackSlab(): void {
    if (this.#slab !== undefined) this.#slabs.giveBack(this.#slab);
    this.#slab = undefined;
    this.#closed = true;
    this.#rest = undefined;
  }

  /** Large messages are written from where they lie. */
  #cut(message: Uint8Array): Uint8Array {
    this.#rest = message.byteLength > pieceBytes ? message.subarray(pieceBytes) : undefined;
    return message.subarray(0, pieceBytes);
  }

  #fill(): Uint8Array {
    const slab = (this.#slab ??= this.#slabs.take());
    const messages = this.#messages;
    let bytes = 0;
    if (messages.length === 0) return this.#end(slab);
    while (this.#next < messages.length) {
      const { data } = messages[this.#next]!;
      // A slab has room for more than a piece, for what stands between messages as well.
      if (bytes > 0 && bytes + data.byteLength > pieceBytes) break;
      if (this.#asJson) slab.set(this.#begun ? comma : open, bytes++);
      this.#begun = true;
      this.#next += 1;
      if (data.byteLength > pieceBytes) {
        this.#rest = data;
        break;
      }
      slab.set(data, bytes);
      bytes += data.byteLength;
    }
    // While the client takes this piece, the messages are not held as well.
    if (this.#next >= messages.length) this.#messages = nothing;
    return slab.subarray(0, bytes);
  }

  #end(slab: Buffer): Uint8Array {
    this.#closed = true;
    if (!this.#asJson) return slab.subarray(0, 0);
    const last = this.#begun ? close : Buffer.concat([open, close]);
    slab.set(last);
    return slab.subarray(0, last.length);
  }
}
