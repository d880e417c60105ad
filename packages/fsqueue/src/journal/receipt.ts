import type { AppendReceipt, Offset } from "../store.ts";
import type { Batch } from "./batch.ts";

/** What an append resolves with. `durable` costs a promise only to those who look at it. */
export class Receipt implements AppendReceipt {
  readonly offset: Offset;
  readonly duplicate = false;
  readonly sequence?: number;
  readonly #batch: Batch;

  constructor(offset: Offset, batch: Batch, sequence: number | undefined) {
    this.offset = offset;
    this.#batch = batch;
    if (sequence !== undefined) this.sequence = sequence;
  }

  get durable(): Promise<void> {
    return this.#batch.durablePromise();
  }
}
