import { QueueError } from "../errors.ts";
import type { Codec } from "../codec.ts";
import type { Offset, StoredMessage } from "../store.ts";

/** A message as its readers get it. */
export interface Message<T> {
  /** The position just after this message: read or tail from here to continue with the next one. */
  readonly offset: Offset;
  readonly value: T;
  /** When it was accepted, in milliseconds since the epoch; never decreasing within a queue. */
  readonly time: number;
}

/** Reads what a queue of this name holds. */
export type Decoder<T> = (message: StoredMessage) => Message<T>;

/** Decodes with this codec; throws `DECODE_FAILED` with the cause. */
export function decoderOf<T>(name: string, codec: Codec<T>): Decoder<T> {
  return ({ offset, data, time }) => {
    try {
      return { offset, value: codec.decode(data), time };
    } catch (cause) {
      throw new QueueError(
        "DECODE_FAILED",
        `The message of ${JSON.stringify(name)} at ${offset} could not be decoded. Is it from another codec?`,
        { cause, details: { name, offset } },
      );
    }
  };
}
