import { checkName } from "./store-name.ts";
import { producerEpochStart, producerFenced, producerGap } from "./store-errors.ts";
import type { Producer } from "./store.ts";

/** What a store remembers of one producer of one queue. */
export interface ProducerState {
  readonly epoch: number;
  readonly sequence: number;
}

const longestProducerId = 512;

/** Throws a `TypeError`, or `NAME_INVALID` for the id, unless the producer is well formed. */
export function checkProducer(producer: Producer): void {
  checkName(producer.id, longestProducerId);
  if (!isCount(producer.epoch) || !isCount(producer.sequence)) {
    throw new TypeError(
      `A producer's epoch and sequence are integers from 0 to 2^53 - 1, not ${producer.epoch} and ${producer.sequence}.`,
    );
  }
}

/** True for a retry of what was appended; throws when an older epoch has been superseded. */
export function isDuplicate(
  name: string,
  producer: Producer,
  last: ProducerState | undefined,
): boolean {
  if (last === undefined || producer.epoch > last.epoch) return false;
  if (producer.epoch < last.epoch) throw producerFenced(name, producer, last.epoch);
  return producer.sequence <= last.sequence;
}

/** Throws unless this is the next append of the producer. Call it after {@link isDuplicate} said no. */
export function checkNext(name: string, producer: Producer, last: ProducerState | undefined): void {
  if (last !== undefined && producer.epoch === last.epoch) {
    if (producer.sequence !== last.sequence + 1) {
      throw producerGap(name, producer, last.sequence + 1);
    }
  } else if (producer.sequence !== 0) {
    if (last === undefined) throw producerGap(name, producer, 0);
    throw producerEpochStart(name, producer);
  }
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}
