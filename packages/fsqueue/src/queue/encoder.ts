import type { StandardSchemaV1 } from "@standard-schema/spec";
import type { Codec } from "../codec.ts";
import { QueueError } from "../errors.ts";

/** Turns a value into bytes; a promise only when the schema validates asynchronously. */
export type Encoder<In> = (value: In) => Uint8Array | Promise<Uint8Array>;

/** Validates (where there is a schema) and encodes; throws or rejects with `MESSAGE_INVALID`. */
export function encode<In, T>(
  queue: string,
  codec: Codec<T>,
  schema: StandardSchemaV1<In, T> | undefined,
  value: In,
): Uint8Array | Promise<Uint8Array> {
  // Without a schema what goes in is what comes out.
  if (schema === undefined) return encoded(queue, codec, value as unknown as T);
  const finish = (result: StandardSchemaV1.Result<T>): Uint8Array => {
    if (result.issues !== undefined) throw invalid(queue, result.issues);
    return encoded(queue, codec, result.value);
  };
  const result = schema["~standard"].validate(value);
  return result instanceof Promise ? result.then(finish) : finish(result);
}

function encoded<T>(queue: string, codec: Codec<T>, value: T): Uint8Array {
  try {
    return codec.encode(value);
  } catch (cause) {
    throw new QueueError(
      "MESSAGE_INVALID",
      `A message for ${JSON.stringify(queue)} could not be encoded: ${cause instanceof Error ? cause.message : String(cause)}`,
      { cause, details: { queue } },
    );
  }
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
