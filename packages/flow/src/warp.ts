import { functionOf, type Step } from "./as-step.ts";
import { checkConcurrency } from "./branches.ts";
import { type Combinator, combinator, type Outcome } from "./combinator.ts";
import type { RunContext, StepContext } from "./context.ts";
import { Siblings } from "./siblings.ts";
import { isThenable } from "./thenable.ts";

/** How items run. */
export interface WarpOptions {
  /** How many items may be under way at once. Default 8. */
  readonly concurrency?: number;
}

/** The results of all items; a promise if an item's is one. */
export type Warped<R> =
  Extract<R, PromiseLike<unknown>> extends never ? Outcome<R>[] : Promise<Awaited<Outcome<R>>[]>;

/**
 * Run one step on every item of an array or other iterable, a bounded number at once, and go on with the
 * results in the items' order. The first failure fails the whole, as in `parallel`; its path has the
 * item's place, as in `#3`. For the chunks of a stream use `each`.
 */
export function warp<Item, C extends StepContext, R>(
  step: Step<Item, C, R>,
  options: WarpOptions = {},
): Combinator<Iterable<Item>, Warped<R>, C> {
  const { run, name } = functionOf(step, "warp");
  const concurrency = checkConcurrency(options.concurrency ?? 8, "warp");
  return combinator(
    "warp",
    { kind: "each", label: `warp × ${concurrency}`, parts: [{ name: name || "item", step }] },
    (items: Iterable<unknown>, context: RunContext) =>
      new Warp(run as Run, items, concurrency, context).start(),
  );
}

type Run = (item: unknown, context: RunContext) => unknown;

class Warp {
  readonly #run: Run;
  readonly #items: Iterator<unknown>;
  readonly #concurrency: number;
  readonly #siblings: Siblings;
  readonly #context: RunContext;
  readonly #results: unknown[] = [];
  #index = 0;
  #active = 0;
  #exhausted = false;
  #over = false;
  #resolve: ((results: unknown[]) => void) | undefined;
  #reject: ((error: unknown) => void) | undefined;

  constructor(run: Run, items: Iterable<unknown>, concurrency: number, context: RunContext) {
    this.#run = run;
    this.#items = items[Symbol.iterator]();
    this.#concurrency = concurrency;
    this.#siblings = new Siblings(context);
    this.#context = this.#siblings.context;
  }

  start(): unknown[] | Promise<unknown[]> {
    const failure = this.#fill();
    if (failure !== undefined) {
      if (this.#active === 0) throw failure.error;
      return new Promise((resolve, reject) => {
        this.#reject = reject;
        this.#fail(failure.error);
      });
    }
    if (this.#active === 0) {
      this.#siblings.end();
      return this.#results;
    }
    return new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  /** Start items while there is room; those that answer at once take none. */
  #fill(): { readonly error: unknown } | undefined {
    while (this.#active < this.#concurrency && !this.#exhausted) {
      const { done, value } = this.#items.next();
      if (done === true) {
        this.#exhausted = true;
        return undefined;
      }
      const index = this.#index;
      this.#index += 1;
      try {
        const result = this.#run(value, this.#context.at(`#${index}`));
        if (isThenable(result)) this.#wait(result, index);
        else this.#results[index] = result;
      } catch (error) {
        return { error: this.#context.branch.blame(error, `#${index}`) };
      }
    }
    return undefined;
  }

  #wait(pending: PromiseLike<unknown>, index: number): void {
    this.#active += 1;
    this.#siblings.started(pending);
    pending.then(
      (value) => {
        this.#results[index] = value;
        return this.#settled(pending);
      },
      (error: unknown) => {
        this.#siblings.settled(pending);
        this.#active -= 1;
        this.#fail(this.#context.branch.blame(error, `#${index}`));
      },
    );
  }

  #settled(pending: PromiseLike<unknown>): void {
    this.#siblings.settled(pending);
    this.#active -= 1;
    if (this.#over) return;
    const failure = this.#fill();
    if (failure !== undefined) this.#fail(failure.error);
    else if (this.#active === 0) {
      this.#siblings.end();
      this.#resolve!(this.#results);
    }
  }

  #fail(failure: unknown): void {
    if (this.#over) return;
    this.#over = true;
    this.#items.return?.();
    const ending = this.#siblings.fail(failure);
    if (ending === undefined) this.#reject!(failure);
    else void ending.then(() => this.#reject!(failure));
  }
}
