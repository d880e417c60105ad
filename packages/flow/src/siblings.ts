import type { RunContext } from "./context.ts";
import { bounded, Scope } from "./scope.ts";

/** Parts of a run that live and fail together: when one fails, the others are ended before anyone hears of it. */
export class Siblings {
  readonly #scope: Scope;
  readonly #pending = new Set<PromiseLike<unknown>>();
  /** For the parts to run with. */
  readonly context: RunContext;

  constructor(context: RunContext) {
    this.#scope = new Scope(context.scope, context.scope.closeTimeout);
    this.context = context.within(this.#scope);
  }

  /** A part that is under way; `settled` when it no longer is. */
  started(part: PromiseLike<unknown>): void {
    this.#pending.add(part);
  }

  settled(part: PromiseLike<unknown>): void {
    this.#pending.delete(part);
  }

  /** All went well. Streams among the results live on. */
  end(): void {
    this.#scope.end();
  }

  /**
   * One failed: abort the others' signal and wait until they have settled, but only if one of them could
   * have noticed, and at most `closeTimeout`. Undefined when there is nothing to wait for.
   */
  fail(failure: unknown): Promise<void> | undefined {
    const scope = this.#scope;
    const { observed } = scope;
    scope.abort(failure);
    if (!observed || this.#pending.size === 0) return undefined;
    return bounded(Promise.allSettled(this.#pending), scope.closeTimeout).then(() => undefined);
  }
}
