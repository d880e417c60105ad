/** Something that ends when a signal aborts. Links itself into a hub without allocating. */
export interface Listener {
  onAbort(reason: unknown): void;
  hubNext: Listener | undefined;
  hubPrevious: Listener | undefined;
}

/**
 * One `abort` listener for all runs on a signal. Adding and removing a real listener costs as much as
 * several awaits, so a run links itself into a list instead, and the listener leaves one turn of the event
 * loop after the last run has.
 */
export class SignalHub {
  readonly #signal: AbortSignal;
  #first: Listener | undefined;
  #listening = false;
  #leaving = false;

  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  /** False if the signal has been aborted already. */
  add(listener: Listener): boolean {
    if (!this.#listening) {
      // Asked only here: while it listens, an abort would have ended that.
      if (this.#signal.aborted) return false;
      this.#listening = true;
      this.#signal.addEventListener("abort", this.#onAbort);
    }
    listener.hubNext = this.#first;
    listener.hubPrevious = undefined;
    if (this.#first !== undefined) this.#first.hubPrevious = listener;
    this.#first = listener;
    return true;
  }

  remove(listener: Listener): void {
    const { hubNext, hubPrevious } = listener;
    if (hubPrevious !== undefined) hubPrevious.hubNext = hubNext;
    else if (this.#first === listener) this.#first = hubNext;
    else return;
    if (hubNext !== undefined) hubNext.hubPrevious = hubPrevious;
    listener.hubNext = undefined;
    listener.hubPrevious = undefined;
    if (this.#first === undefined && !this.#leaving) {
      this.#leaving = true;
      setImmediate(this.#leave).unref();
    }
  }

  readonly #leave = (): void => {
    this.#leaving = false;
    if (this.#first !== undefined || !this.#listening) return;
    this.#listening = false;
    this.#signal.removeEventListener("abort", this.#onAbort);
  };

  readonly #onAbort = (): void => {
    const { reason } = this.#signal;
    this.#listening = false;
    this.#signal.removeEventListener("abort", this.#onAbort);
    for (let listener = this.#first; listener !== undefined; listener = this.#first) {
      this.remove(listener);
      listener.onAbort(reason);
    }
  };
}

/** On the signal itself: a WeakMap look-up costs a tenth of a call of ten steps. */
const own: unique symbol = Symbol("lazy.flow.hub");

/** The hub of a signal. */
export function hubOf(signal: AbortSignal & { [own]?: SignalHub }): SignalHub {
  const known = signal[own];
  if (known !== undefined) return known;
  const hub = new SignalHub(signal);
  Object.defineProperty(signal, own, { value: hub });
  return hub;
}
