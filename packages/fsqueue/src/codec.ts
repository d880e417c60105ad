/** How values become the bytes of messages and back. */
export interface Codec<T> {
  /** Throws when the value cannot be written; the queue rejects with `MESSAGE_INVALID` and the cause. */
  encode(value: T): Uint8Array;
  /** Throws when the bytes are none of its own; the queue rejects with `DECODE_FAILED` and the cause. */
  decode(data: Uint8Array): T;
}

/** Values as JSON in UTF-8; the default. What JSON leaves out or turns into something else, is. */
export function jsonCodec<T = unknown>(): Codec<T> {
  // The value's type is the caller's word, as with any JSON.
  return json as Codec<T>;
}

/** Messages as the bytes they are. */
export function bytesCodec(): Codec<Uint8Array> {
  return plain;
}

const json: Codec<unknown> = {
  encode(value) {
    const text: string | undefined = JSON.stringify(value);
    if (text === undefined) throw new TypeError(`JSON has no ${typeof value}`);
    return Buffer.from(text);
  },
  decode: (data) => JSON.parse(asBuffer(data).toString()),
};

const plain: Codec<Uint8Array> = {
  encode(value) {
    if (value instanceof Uint8Array) return value;
    throw new TypeError("The value is no Uint8Array");
  },
  decode: (data) => data,
};

function asBuffer(data: Uint8Array): Buffer {
  return Buffer.isBuffer(data) ? data : Buffer.from(data.buffer, data.byteOffset, data.byteLength);
}
