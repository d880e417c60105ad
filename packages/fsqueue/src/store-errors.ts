import { QueueError } from "./errors.ts";
import type { Ending, Offset, Producer } from "./store.ts";

// The errors every store has in common, so that messages and details agree between them.

/** `QUEUE_NOT_FOUND` */
export function queueNotFound(name: string): QueueError {
  return new QueueError(
    "QUEUE_NOT_FOUND",
    `There is no queue ${JSON.stringify(name)}: it was never opened, was removed or has expired. Open it first.`,
    { details: { name } },
  );
}

/** `QUEUE_REMOVED` */
export function queueRemoved(name: string): QueueError {
  return new QueueError(
    "QUEUE_REMOVED",
    `The queue ${JSON.stringify(name)} was removed, but forks still use its messages. Its name is free again once they are gone.`,
    { details: { name } },
  );
}

/** `QUEUE_EXISTS`; details: the options that differ. */
export function queueExists(name: string, differs: readonly string[]): QueueError {
  return new QueueError(
    "QUEUE_EXISTS",
    `The queue ${JSON.stringify(name)} exists with another ${differs.join(", ")}. Open it without options, or remove it first.`,
    { details: { name, differs } },
  );
}

/** `QUEUE_SEALED`; details: the ending, and the offset of the end. */
export function queueSealed(name: string, ending: Ending, offset: Offset): QueueError {
  return new QueueError(
    "QUEUE_SEALED",
    `The queue ${JSON.stringify(name)} has ended (${ending.status}): nothing can be added to it.`,
    { details: { name, ending, offset } },
  );
}

/** `QUEUE_FULL`; details: which limit, the most it allows, what it would be. */
export function queueFull(
  name: string,
  limit: "maxMessages" | "maxBytes",
  most: number,
  would: number,
): QueueError {
  return new QueueError(
    "QUEUE_FULL",
    `The queue ${JSON.stringify(name)} may hold ${limit} ${most} and would hold ${would}. Take or trim messages first.`,
    { details: { name, limit, most, would } },
  );
}

/** `MESSAGE_TOO_LARGE`; details: the size, and the most there may be. */
export function messageTooLarge(name: string, size: number, most: number): QueueError {
  return new QueueError(
    "MESSAGE_TOO_LARGE",
    `A message for ${JSON.stringify(name)} has ${size} bytes; this store takes at most ${most}. Split it.`,
    { details: { name, size, most } },
  );
}

/** `OFFSET_INVALID`; details: the present end. */
export function offsetInvalid(name: string, offset: string, tail: Offset): QueueError {
  return new QueueError(
    "OFFSET_INVALID",
    `${JSON.stringify(offset)} is no offset of ${JSON.stringify(name)}, which ends at ${tail}. Use one that a message or a read gave.`,
    { details: { name, offset, tail } },
  );
}

/** `OFFSET_TRIMMED`; details: the present head. */
export function offsetTrimmed(name: string, offset: Offset, head: Offset): QueueError {
  return new QueueError(
    "OFFSET_TRIMMED",
    `The messages of ${JSON.stringify(name)} after ${offset} are gone: it now starts at ${head}. Read from "start".`,
    { details: { name, offset, head } },
  );
}

/** `OFFSET_CONFLICT`; details: the offset expected, the present end. */
export function offsetConflict(name: string, expected: Offset, tail: Offset): QueueError {
  return new QueueError(
    "OFFSET_CONFLICT",
    `The queue ${JSON.stringify(name)} ends at ${tail}, not at ${expected} as expected: somebody else wrote.`,
    { details: { name, expected, tail } },
  );
}

/** `ORDER_CONFLICT`; details: the last order. */
export function orderConflict(name: string, order: string, last: string): QueueError {
  return new QueueError(
    "ORDER_CONFLICT",
    `The order ${JSON.stringify(order)} given to ${JSON.stringify(name)} does not sort after the last, ${JSON.stringify(last)}.`,
    { details: { name, order, last } },
  );
}

/** `CURSOR_CONFLICT`; details: the offset expected, the one that is there. */
export function cursorConflict(
  name: string,
  group: string,
  expected: Offset | undefined,
  present: Offset | undefined,
): QueueError {
  return new QueueError(
    "CURSOR_CONFLICT",
    `The cursor ${JSON.stringify(group)} of ${JSON.stringify(name)} stands at ${present ?? "no offset"}, not at ${expected ?? "no offset"}: another reader moved it.`,
    { details: { name, group, expected, present } },
  );
}

/** `PRODUCER_FENCED`; details: the epoch that has taken over. */
export function producerFenced(name: string, producer: Producer, epoch: number): QueueError {
  return new QueueError(
    "PRODUCER_FENCED",
    `The producer ${JSON.stringify(producer.id)} wrote to ${JSON.stringify(name)} with epoch ${producer.epoch}, but epoch ${epoch} has taken over.`,
    { details: { name, id: producer.id, epoch, received: producer.epoch } },
  );
}

/** `PRODUCER_EPOCH_START` */
export function producerEpochStart(name: string, producer: Producer): QueueError {
  return new QueueError(
    "PRODUCER_EPOCH_START",
    `The producer ${JSON.stringify(producer.id)} began epoch ${producer.epoch} on ${JSON.stringify(name)} with sequence ${producer.sequence}: an epoch begins with 0.`,
    { details: { name, id: producer.id, epoch: producer.epoch, received: producer.sequence } },
  );
}

/** `PRODUCER_GAP`; details: the sequence expected. */
export function producerGap(name: string, producer: Producer, expected: number): QueueError {
  return new QueueError(
    "PRODUCER_GAP",
    `The producer ${JSON.stringify(producer.id)} sent sequence ${producer.sequence} to ${JSON.stringify(name)}, which expects ${expected}: send what is missing first.`,
    { details: { name, id: producer.id, expected, received: producer.sequence } },
  );
}

/** `STORE_CLOSED` */
export function storeClosed(): QueueError {
  return new QueueError("STORE_CLOSED", "The store is closed. Open it again to use it.");
}
