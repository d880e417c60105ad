export const MESSAGE_BYTES = 200;

/** A message of a stream, to be numbered before each use. It says what it is, so that readers can check it. */
export function createMessage(stream: number): Buffer {
  const message = Buffer.alloc(MESSAGE_BYTES, 0x6c);
  message.writeUInt32LE(stream, 0);
  return message;
}

export function numberMessage(message: Buffer, sequence: number): Buffer {
  message.writeUInt32LE(sequence, 4);
  message.writeUInt32LE(sequence, MESSAGE_BYTES - 4);
  return message;
}

/** What one reader got of one stream. Throws at the first message that is missing, foreign, repeated or damaged. */
export class Reception {
  readonly #stream: number;
  readonly #count: number;
  received = 0;

  constructor(stream: number, count: number) {
    this.#stream = stream;
    this.#count = count;
  }

  /** True with the last message. */
  take(message: Uint8Array): boolean {
    const stream = uint32(message, 0);
    const sequence = uint32(message, 4);
    if (
      message.length !== MESSAGE_BYTES ||
      stream !== this.#stream ||
      sequence !== this.received ||
      uint32(message, MESSAGE_BYTES - 4) !== sequence
    ) {
      throw new Error(
        `the reader of stream ${this.#stream} got ${sequence} of ${stream} (${message.length} bytes) instead of ${this.received}`,
      );
    }
    this.received += 1;
    return this.received === this.#count;
  }

  /** Throws unless all have come. */
  end(): void {
    if (this.received !== this.#count) {
      throw new Error(
        `the reader of stream ${this.#stream} got ${this.received} of ${this.#count} messages`,
      );
    }
  }
}

function uint32(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0
  );
}
