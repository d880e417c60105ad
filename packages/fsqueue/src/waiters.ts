import type { WaitSignal } from "./store.ts";

/** Those who wait for one thing to happen. A waiter leaves nothing behind, woken or aborted. */
export class Waiters {
  #waiting: Set<Waiter> | undefined;

  /** Resolves at the next {@link wake}; rejects with the signal's reason, or what {@link fail} is given. */
  wait(signal?: WaitSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) {
        reject(signal.reason);
        return;
      }
      const waiting = (this.#waiting ??= new Set());
      const waiter: Waiter = { resolve, reject, signal, onAbort: undefined };
      waiting.add(waiter);
      if (signal === undefined) return;
      waiter.onAbort = () => {
        waiting.delete(waiter);
        forget(waiter);
        reject(signal.reason);
      };
      signal.addEventListener("abort", waiter.onAbort);
    });
  }

  wake(): void {
    const waiting = this.#waiting;
    if (waiting === undefined || waiting.size === 0) return;
    this.#waiting = undefined;
    for (const waiter of waiting) {
      forget(waiter);
      waiter.resolve();
    }
  }

  fail(error: unknown): void {
    const waiting = this.#waiting;
    if (waiting === undefined) return;
    this.#waiting = undefined;
    for (const waiter of waiting) {
      forget(waiter);
      waiter.reject(error);
    }
  }
}

interface Waiter {
  resolve(this: void): void;
  reject(this: void, reason: unknown): void;
  readonly signal: WaitSignal | undefined;
  onAbort: (() => void) | undefined;
}

function forget({ signal, onAbort }: Waiter): void {
  if (onAbort !== undefined) signal?.removeEventListener("abort", onAbort);
}
