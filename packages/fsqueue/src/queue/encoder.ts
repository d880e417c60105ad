import type { StandardSchemaV1 } from "@standard-schema/spec";
import type { Codec } from "../codec.ts";
import { QueueError } from "../errors.ts";

/** Turns a value into bytes; a promise only when the schema validates asynchronously. */
export type Encoder<In> = (value: In) => Uint8Array | Promise<Uint8Array>;

/** Validates (where there is a schema) and encodes; throws or rejects with `MESSAGE_INVALID`. */
export function encoderOf<In, T>(
  queue: string,
  codec: Codec<T>,
  schema: StandardSchemaV1<In, T> | undefined,
): Encoder<In> {
  const encode = (value: T): Uint8Array => {
    try {
      return codec.encode(value);
    } catch (cause) {
      throw new QueueError(
        "MESSAGE_INVALID",
        `A message for ${JSON.stringify(queue)} could not be encoded: ${cause instanceof Error ? cause.message : String(cause)}`,
        { cause, details: { queue } },
      );
    }
  };
  // Without a schema what goes in is what comes out.
  if (schema === undefined) return encode as (value: unknown) => Uint8Array;
  const finish = (result: StandardSchemaV1.Result<T>): Uint8Array => {
    if (result.issues !== undefined) throw invalid(queue, result.issues);
    return encode(result.value);
  };
  return (value) => {
    const result = schema["~standard"].validate(value);
    return result instanceof Promise ? result.then(finish) : finish(result);
  };
}

function invalid(queue: string, issues: readonly StandardSchemaV1.Issue[]): QueueError {
  const list = issues.map(({ message, path = [] }) => {
    const keys = path.map((part) => String(typeof part === "object" ? part.key : part));
    return keys.length === 0 ? message : `${keys.join(".")}: ${message}`;
  });
  return new QueueError(
    "MESSAGE_INVALID",
    `A message for ${JSON.stringify(queue)} does not fit its schema: ${list.join("; ")}`,
    { details: { queue, issues } },
  );
}
