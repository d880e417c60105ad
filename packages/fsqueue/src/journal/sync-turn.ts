import { type Acknowledgements, rejectAll, settleAll } from "./acknowledgements.ts";

/**
 * Everything that one sync makes durable, and who waits for it. Batches keep their turn and not the other
 * way round: of the thousands that a turn may cover, most are asked nothing and are garbage at once.
 */
export class SyncTurn {
  #state: "pending" | "durable" | "failed" = "pending";
  #failure: unknown;
  #waiting: Acknowledgements = [];
  #promise: Promise<void> | undefined;

  /** A turn that is over, and well. */
  static readonly over: SyncTurn = SyncTurn.#settled();

  static #settled(): SyncTurn {
    const turn = new SyncTurn();
    turn.settle();
    return turn;
  }

  /** Settle these when it is over. */
  add(acknowledgements: Acknowledgements): void {
    this.#waiting.push(...acknowledgements);
    if (this.#state === "durable") settleAll(this.#waiting);
    else if (this.#state === "failed") rejectAll(this.#waiting, this.#failure);
  }

  /** Shared by all who ask, and never an unhandled rejection. */
  promise(): Promise<void> {
    if (this.#promise === undefined) {
      this.#promise = new Promise<void>((resolve) => {
        this.add([resolve, undefined]);
      });
      this.#promise.catch(() => {});
    }
    return this.#promise;
  }

  settle(): void {
    this.#state = "durable";
    settleAll(this.#waiting);
  }

  fail(error: unknown): void {
    this.#state = "failed";
    this.#failure = error;
    rejectAll(this.#waiting, error);
  }
}
