import type { RunContext } from "./context.ts";
import { bounded, Scope } from "./scope.ts";

/** Parts of a run that live and fail together: when one fails, the others are ended before anyone hears of it. */
export class Siblings {
  readonly #scope: Scope;
  #idle: (() => void) | undefined;
  /** Parts under way. */
  active = 0;
  /** For the parts to run with. */
  readonly context: RunContext;

  constructor(context: RunContext) {
    this.#scope = new Scope(context.scope, context.scope.options);
    this.context = context.within(this.#scope);
  }

  /** A part is no longer under way. */
  settled(): void {
    this.active -= 1;
    if (this.active === 0) this.#idle?.();
  }

  /** All went well. Streams among the results live on. */
  end(): void {
    this.#scope.end();
  }

  /**
   * One failed: abort the others' signal and wait until they have settled, but only if one of them could
   * have noticed, and at most `closeTimeout`. Undefined when there is nothing to wait for.
   */
  fail(failure: unknown): Promise<unknown> | undefined {
    const scope = this.#scope;
    const { observed } = scope;
    scope.abort(failure);
    if (!observed || this.active === 0) return undefined;
    const idle = new Promise<void>((resolve) => {
      this.#idle = resolve;
    });
    return bounded(idle, scope.closeTimeout);
  }
}
