/** Those who wait for one thing to happen. A waiter leaves nothing behind, woken or aborted. */
export class Waiters {
  #waiting: Set<Waiter> | undefined;

  get size(): number {
    return this.#waiting?.size ?? 0;
  }

  /** Resolves at the next {@link wake}; rejects with the signal's reason, or what {@link fail} is given. */
  wait(signal?: AbortSignal): Promise<void> {
    const waiting = (this.#waiting ??= new Set());
    return new Promise((resolve, reject) => {
      if (signal === undefined) {
        waiting.add({ resolve, reject, forget: nothing });
        return;
      }
      const onAbort = (): void => {
        waiting.delete(waiter);
        waiter.forget();
        reject(signal.reason);
      };
      const waiter: Waiter = {
        resolve,
        reject,
        forget: () => signal.removeEventListener("abort", onAbort),
      };
      if (signal.aborted) {
        reject(signal.reason);
        return;
      }
      signal.addEventListener("abort", onAbort);
      waiting.add(waiter);
    });
  }

  wake(): void {
    const waiting = this.#waiting;
    if (waiting === undefined || waiting.size === 0) return;
    this.#waiting = undefined;
    for (const waiter of waiting) {
      waiter.forget();
      waiter.resolve();
    }
  }

  fail(error: unknown): void {
    const waiting = this.#waiting;
    if (waiting === undefined) return;
    this.#waiting = undefined;
    for (const waiter of waiting) {
      waiter.forget();
      waiter.reject(error);
    }
  }
}

interface Waiter {
  resolve(this: void): void;
  reject(this: void, reason: unknown): void;
  forget(this: void): void;
}

function nothing(): void {}
