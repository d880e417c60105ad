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
  /** An array is read by place: half the cost of its iterator. */
  readonly #list: readonly unknown[] | undefined;
  readonly #items: Iterator<unknown> | undefined;
  readonly #concurrency: number;
  readonly #siblings: Siblings;
  readonly #context: RunContext;
  readonly #results: unknown[] = [];
  #index = 0;
  #over = false;
  #resolve: ((results: unknown[]) => void) | undefined;
  #reject: ((error: unknown) => void) | undefined;

  constructor(run: Run, items: Iterable<unknown>, concurrency: number, context: RunContext) {
    this.#run = run;
    this.#list = Array.isArray(items) ? items : undefined;
    this.#items = this.#list === undefined ? items[Symbol.iterator]() : undefined;
    this.#concurrency = concurrency;
    this.#siblings = new Siblings(context);
    this.#context = this.#siblings.context;
  }

  /** Start items, as long as they answer at once or there is room for those that do not. */
  start(): unknown[] | Promise<unknown[]> {
    const siblings = this.#siblings;
    try {
      while (siblings.active < this.#concurrency) {
        const pending = this.#next();
        if (pending === undefined) break;
        siblings.active += 1;
        void this.#work(pending, this.#index - 1);
      }
    } catch (error) {
      if (siblings.active === 0) throw error;
      const failed = this.#promise();
      this.#fail(error);
      return failed;
    }
    if (siblings.active > 0) return this.#promise();
    siblings.end();
    return this.#results;
  }

  /** Run items up to the first that does not answer at once. Throws what an item throws. */
  #next(): PromiseLike<unknown> | undefined {
    const context = this.#context;
    const traced = context.trace !== undefined;
    for (;;) {
      const index = this.#index;
      let item: unknown;
      if (this.#list === undefined) {
        const { done, value } = this.#items!.next();
        if (done === true) return undefined;
        item = value;
      } else {
        if (index >= this.#list.length) return undefined;
        item = this.#list[index];
      }
      this.#index = index + 1;
      let result: unknown;
      try {
        result = this.#run(item, traced ? context.at(`#${index}`) : context);
      } catch (error) {
        throw this.#context.branch.blame(error, `#${index}`);
      }
      if (isThenable(result)) return result;
      this.#results[index] = result;
    }
  }

  /** One of the places for items that wait. */
  async #work(first: PromiseLike<unknown>, place: number): Promise<void> {
    let pending: PromiseLike<unknown> | undefined = first;
    const results = this.#results;
    let index = place;
    let waiting = true;
    try {
      while (pending !== undefined) {
        results[index] = await pending;
        if (this.#over) break;
        waiting = false;
        pending = this.#next();
        index = this.#index - 1;
        waiting = true;
      }
    } catch (error) {
      this.#siblings.settled();
      this.#fail(waiting ? this.#context.branch.blame(error, `#${index}`) : error);
      return;
    }
    this.#siblings.settled();
    if (this.#over || this.#siblings.active > 0) return;
    this.#siblings.end();
    this.#resolve!(this.#results);
  }

  #promise(): Promise<unknown[]> {
    return new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  #fail(failure: unknown): void {
    if (this.#over) return;
    this.#over = true;
    this.#items?.return?.();
    const ending = this.#siblings.fail(failure);
    if (ending === undefined) this.#reject!(failure);
    else void ending.then(() => this.#reject!(failure));
  }
}
