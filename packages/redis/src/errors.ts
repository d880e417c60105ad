import { type Offset, type Producer, QueueError } from "@lazy/fsqueue";
import {
  offsetConflict,
  offsetInvalid,
  offsetTrimmed,
  orderConflict,
  producerEpochStart,
  producerFenced,
  producerGap,
  queueFull,
  queueNotFound,
  queueSealed,
} from "@lazy/fsqueue/implementing";
import { ErrorReply } from "@redis/client";
import { endingOf, type Reply, textOf } from "./reply.ts";

/** What the call was about; the script's answers name only what it does not know. */
export interface Asked {
  readonly producer?: Producer | undefined;
  readonly expect?: Offset | undefined;
  readonly order?: string | undefined;
  readonly offset?: string | undefined;
}

/** The error behind an answer of the script that is not `ok`. */
export function refusal(name: string, reply: readonly Reply[], asked: Asked): QueueError {
  const [code, ...values] = reply.map(textOf);
  const [first = "", second = "", third = ""] = values;
  const { producer = { id: "", epoch: 0, sequence: 0 }, expect = "", order = "" } = asked;
  switch (code) {
    case "QUEUE_NOT_FOUND":
      return queueNotFound(name);
    case "QUEUE_SEALED":
      return queueSealed(name, endingOf(first) ?? { status: "ok" }, second);
    case "QUEUE_FULL": {
      const limit = first === "maxBytes" ? first : "maxMessages";
      return queueFull(name, limit, Number(second), Number(third));
    }
    case "PRODUCER_FENCED":
      return producerFenced(name, producer, Number(first));
    case "TAKEN_OVER":
      return new QueueError(
        "PRODUCER_FENCED",
        `Another process writes the queue ${JSON.stringify(name)} now: this one was silent for so long that it counted as dead. Nothing was appended.`,
        { details: { name } },
      );
    case "PRODUCER_GAP":
      return producerGap(name, producer, Number(first));
    case "PRODUCER_EPOCH_START":
      return producerEpochStart(name, producer);
    case "OFFSET_CONFLICT":
      return offsetConflict(name, expect, first);
    case "ORDER_CONFLICT":
      return orderConflict(name, order, first);
    case "OFFSET_INVALID":
      return offsetInvalid(name, asked.offset ?? "", first);
    case "OFFSET_TRIMMED":
      return offsetTrimmed(name, asked.offset ?? "", first);
    case "CORRUPT":
      return new QueueError(
        "CORRUPT",
        `Redis no longer has the messages of ${JSON.stringify(name)} after ${first}: its keys were evicted or written by somebody else. Use maxmemory-policy noeviction.`,
        { details: { name, offset: first } },
      );
    default:
      return new QueueError("STORE_FAILED", `Redis answered ${code}, which means nothing here.`, {
        details: { name },
      });
  }
}

export function noForks(name: string): QueueError {
  const text = `The queue ${JSON.stringify(name)} cannot be made as a fork: a store in Redis has none (see capabilities.forks).`;
  return new QueueError("UNSUPPORTED", text, { details: { name } });
}

/** An error that the server answered, rather than a connection that broke. */
export function isErrorReply(error: unknown): error is Error {
  // A client that was given may come from another copy of the library.
  const names = ["SimpleError", "BlobError", "ErrorReply"];
  return (
    error instanceof ErrorReply ||
    (error instanceof Error && names.includes(error.constructor.name))
  );
}

/** What the server refused before it did anything. */
export function refusedBy(error: Error): QueueError {
  const { message } = error;
  if (message.includes("OOM ")) {
    const text = "Redis has reached its maxmemory: nothing was stored. Make room, or raise it.";
    return new QueueError("STORE_FULL", text, { cause: error });
  }
  if (message.includes("READONLY ")) {
    const text = "This Redis is a replica, which cannot be written. Connect to the primary.";
    return new QueueError("STORE_READONLY", text, { cause: error });
  }
  return new QueueError("STORE_FAILED", `Redis refused: ${message}`, { cause: error });
}

/** No connection: the call was not made. */
export function unreachable(timeoutMs: number, cause: unknown): QueueError {
  return new QueueError(
    "STORE_FAILED",
    `There was no connection to Redis for ${timeoutMs} ms. The call was not made; it can be repeated.`,
    { cause },
  );
}

/** The connection broke between a call and its answer. */
export function outcomeUnknown(cause: unknown): QueueError {
  return new QueueError(
    "OUTCOME_UNKNOWN",
    "The connection to Redis broke before the answer: the call may have taken effect or not. Look, or repeat it with the same producer and sequence.",
    { cause },
  );
}
