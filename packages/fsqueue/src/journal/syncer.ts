import { SyncTurn } from "./sync-turn.ts";

export interface SyncerOptions {
  /** Make everything that is written durable. */
  readonly sync: () => Promise<void>;
  /** It did not become durable: the turns that wait for it are kept for {@link Syncer.takeUnsettled}. */
  readonly onFailure: (error: unknown) => void;
}

/** Calls for syncs: one for everybody who asks while the one before is under way. */
export class Syncer {
  readonly #options: SyncerOptions;
  /** What is written now becomes durable with this turn. */
  turn: SyncTurn = new SyncTurn();
  /** Turns whose sync failed. */
  #unsettled: SyncTurn[] = [];
  #running = false;
  #wanted = false;
  #done: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;

  constructor(options: SyncerOptions) {
    this.#options = options;
  }

  /** A sync is under way. */
  get running(): boolean {
    return this.#running;
  }

  /** Resolves when what is written by now is durable, or has failed to become it. */
  request(): Promise<void> {
    this.#wanted = true;
    if (!this.#running) {
      this.#running = true;
      this.#done = this.#run();
    }
    return this.#done;
  }

  /** The same by itself after this time, if nobody asks before. */
  requestWithin(ms: number): void {
    // It keeps the process alive: one that has nothing else to do ends with its messages synced.
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      void this.request();
    }, ms);
  }

  /** Those who wait for what failed to become durable, to be told by the caller. */
  takeUnsettled(): SyncTurn[] {
    const unsettled = [...this.#unsettled, this.turn];
    this.#unsettled = [];
    this.turn = new SyncTurn();
    return unsettled;
  }

  async stop(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    await this.#done;
  }

  async #run(): Promise<void> {
    while (this.#wanted) {
      this.#wanted = false;
      const { turn } = this;
      this.turn = new SyncTurn();
      try {
        await this.#options.sync();
      } catch (error) {
        this.#unsettled.push(turn);
        this.#options.onFailure(error);
        break;
      }
      turn.settle();
    }
    this.#running = false;
  }
}
