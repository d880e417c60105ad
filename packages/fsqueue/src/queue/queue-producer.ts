import { isQueueError, type QueueErrorCode } from "../errors.ts";
import type { AppendOptions, AppendReceipt } from "../store.ts";
import type { Encoder } from "./encoder.ts";

/** Where a producer begins. */
export interface QueueProducerOptions {
  /** A higher epoch fences off the writers of lower ones. Default 0. */
  readonly epoch?: number;
  /** The sequence of the first append. Default 0; a new epoch begins with 0. */
  readonly sequence?: number;
}

/**
 * A writer whose appends are numbered. A job that is run again from its start, with the same id and epoch
 * and the same values, appends only what is missing.
 */
export interface QueueProducer<In> {
  readonly id: string;
  readonly epoch: number;
  /** The number of the next append. */
  readonly sequence: number;
  /**
   * Append once: a retry of what the store has is a `duplicate`. Calls go one after the other. When one
   * fails and may yet have been appended, it is sent again before the next.
   */
  enqueue(value: In): Promise<AppendReceipt>;
  enqueueMany(values: readonly In[]): Promise<AppendReceipt>;
}

/** After these nothing was appended, and the number is free again. */
const refusals: readonly QueueErrorCode[] = [
  "MESSAGE_INVALID",
  "MESSAGE_TOO_LARGE",
  "NAME_INVALID",
  "PRODUCER_EPOCH_START",
  "PRODUCER_FENCED",
  "PRODUCER_GAP",
  "QUEUE_EXISTS",
  "QUEUE_FULL",
  "QUEUE_NOT_FOUND",
  "QUEUE_REMOVED",
  "QUEUE_SEALED",
  "STORE_READONLY",
];

/** See {@link QueueProducer}. */
export function createQueueProducer<In>(
  append: (batch: Uint8Array[], options: AppendOptions) => Promise<AppendReceipt>,
  encode: Encoder<In>,
  id: string,
  { epoch = 0, sequence: first = 0 }: QueueProducerOptions,
): QueueProducer<In> {
  let sequence = first;
  /** Sent, and neither acknowledged nor refused. */
  let unsettled: Uint8Array[] | undefined;
  let turn: Promise<unknown> = Promise.resolve();

  const send = async (batch: Uint8Array[]): Promise<AppendReceipt> => {
    unsettled = batch;
    try {
      const receipt = await append(batch, { producer: { id, epoch, sequence } });
      unsettled = undefined;
      sequence += 1;
      return receipt;
    } catch (error) {
      if (refusals.some((code) => isQueueError(error, code))) unsettled = undefined;
      throw error;
    }
  };

  const enqueueMany = (values: readonly In[]): Promise<AppendReceipt> => {
    const result = turn.then(async () => {
      const batch = await Promise.all(values.map(async (value) => encode(value)));
      if (unsettled !== undefined) await send(unsettled);
      return send(batch);
    });
    turn = result.catch(() => {});
    return result;
  };

  return {
    id,
    epoch,
    get sequence() {
      return sequence;
    },
    enqueue: (value) => enqueueMany([value]),
    enqueueMany,
  };
}
