import { QueueError } from "./errors.ts";
import type { Ending, Offset, Producer } from "./store.ts";

// The errors every store has in common, so that messages and details agree between them.

export function queueNotFound(name: string): QueueError {
  return new QueueError(
    "QUEUE_NOT_FOUND",
    `There is no queue ${JSON.stringify(name)}: it was never opened, was removed or has expired. Open it first.`,
    { details: { name } },
  );
}

export function queueRemoved(name: string): QueueError {
  return new QueueError(
    "QUEUE_REMOVED",
    `The queue ${JSON.stringify(name)} was removed, but forks still use its messages. Its name is free again once they are gone.`,
    { details: { name } },
  );
}

export function queueExists(name: string, differs: readonly string[]): QueueError {
  return new QueueError(
    "QUEUE_EXISTS",
    `The queue ${JSON.stringify(name)} exists with another ${differs.join(", ")}. Open it without options, or remove it first.`,
    { details: { name, differs } },
  );
}

export function queueSealed(name: string, ending: Ending, offset: Offset): QueueError {
  return new QueueError(
    "QUEUE_SEALED",
    `The queue ${JSON.stringify(name)} has ended (${ending.status}): nothing can be added to it.`,
    { details: { name, ending, offset } },
  );
}

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

export function messageTooLarge(name: string, size: number, most: number): QueueError {
  return new QueueError(
    "MESSAGE_TOO_LARGE",
    `A message for ${JSON.stringify(name)} has ${size} bytes; this store takes at most ${most}. Split it.`,
    { details: { name, size, most } },
  );
}

export function offsetInvalid(name: string, offset: string, tail: Offset): QueueError {
  return new QueueError(
    "OFFSET_INVALID",
    `${JSON.stringify(offset)} is no offset of ${JSON.stringify(name)}, which ends at ${tail}. Use one that a message or a read gave.`,
    { details: { name, offset, tail } },
  );
}

export function offsetTrimmed(name: string, offset: Offset, head: Offset): QueueError {
  return new QueueError(
    "OFFSET_TRIMMED",
    `The messages of ${JSON.stringify(name)} after ${offset} are gone: it now starts at ${head}. Read from "start".`,
    { details: { name, offset, head } },
  );
}

export function offsetConflict(name: string, expected: Offset, tail: Offset): QueueError {
  return new QueueError(
    "OFFSET_CONFLICT",
    `The queue ${JSON.stringify(name)} ends at ${tail}, not at ${expected} as expected: somebody else wrote.`,
    { details: { name, expected, tail } },
  );
}

export function orderConflict(name: string, order: string, last: string): QueueError {
  return new QueueError(
    "ORDER_CONFLICT",
    `The order ${JSON.stringify(order)} given to ${JSON.stringify(name)} does not sort after the last, ${JSON.stringify(last)}.`,
    { details: { name, order, last } },
  );
}

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

export function producerFenced(name: string, producer: Producer, epoch: number): QueueError {
  return new QueueError(
    "PRODUCER_FENCED",
    `The producer ${JSON.stringify(producer.id)} wrote to ${JSON.stringify(name)} with epoch ${producer.epoch}, but epoch ${epoch} has taken over.`,
    { details: { name, id: producer.id, epoch, received: producer.epoch } },
  );
}

export function producerEpochStart(name: string, producer: Producer): QueueError {
  return new QueueError(
    "PRODUCER_EPOCH_START",
    `The producer ${JSON.stringify(producer.id)} began epoch ${producer.epoch} on ${JSON.stringify(name)} with sequence ${producer.sequence}: an epoch begins with 0.`,
    { details: { name, id: producer.id, epoch: producer.epoch, received: producer.sequence } },
  );
}

export function producerGap(name: string, producer: Producer, expected: number): QueueError {
  return new QueueError(
    "PRODUCER_GAP",
    `The producer ${JSON.stringify(producer.id)} sent sequence ${producer.sequence} to ${JSON.stringify(name)}, which expects ${expected}: send what is missing first.`,
    { details: { name, id: producer.id, expected, received: producer.sequence } },
  );
}

export function storeClosed(): QueueError {
  return new QueueError("STORE_CLOSED", "The store is closed. Open it again to use it.");
}
