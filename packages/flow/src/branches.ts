import { functionOf } from "./as-step.ts";
import { outward } from "./combinator.ts";
import type { RunContext } from "./context.ts";
import { quietly } from "./drain.ts";
import { Siblings } from "./siblings.ts";
import { Source, toSource } from "./source.ts";
import { Stream } from "./stream.ts";
import { isThenable } from "./thenable.ts";

/** One of several steps side by side. */
export interface Branch {
  readonly name: string;
  readonly step: unknown;
  readonly run: (input: unknown, context: RunContext) => unknown;
}

/** The branches of a record, by name, or of an array, by place. */
export function branchesOf(given: object, where: string): Branch[] {
  return Object.entries(given).map(([name, step]: [string, unknown]) => ({
    name,
    step,
    run: functionOf(step, `${where}.${name}`).run as Branch["run"],
  }));
}

/** A number of things at once: from 1 on. */
export function checkConcurrency(concurrency: number, where: string): number {
  if (typeof concurrency === "number" && concurrency >= 1) return concurrency;
  throw new TypeError(`${where}: concurrency is a number from 1 on, not ${String(concurrency)}.`);
}

/** The results as the branches were given: a record or a list. */
export function gather(
  results: unknown[] | Promise<unknown[]>,
  branches: readonly Branch[],
  list: boolean,
): unknown {
  if (list) return results;
  const named = (values: readonly unknown[]): unknown =>
    Object.fromEntries(branches.map(({ name }, index) => [name, values[index]]));
  return isThenable(results) ? results.then(named) : named(results);
}

/** Run branches side by side: their results in order, at once if none of them waits. */
export function runBranches(
  branches: readonly Branch[],
  inputOf: (index: number) => unknown,
  context: RunContext,
  options: { readonly concurrency: number; readonly settle?: boolean },
): unknown[] | Promise<unknown[]> {
  return new Branches(branches, inputOf, context, options).run();
}

class Branches {
  readonly #branches: readonly Branch[];
  readonly #inputOf: (index: number) => unknown;
  readonly #concurrency: number;
  readonly #settle: boolean;
  readonly #siblings: Siblings;
  readonly #results: unknown[];
  #next = 0;
  #over = false;
  #resolve: ((results: unknown[]) => void) | undefined;
  #reject: ((error: unknown) => void) | undefined;

  constructor(
    branches: readonly Branch[],
    inputOf: (index: number) => unknown,
    context: RunContext,
    options: { readonly concurrency: number; readonly settle?: boolean },
  ) {
    this.#branches = branches;
    this.#inputOf = inputOf;
    this.#concurrency = options.concurrency;
    this.#settle = options.settle === true;
    this.#siblings = new Siblings(context);
    this.#results = Array.from({ length: branches.length });
  }

  run(): unknown[] | Promise<unknown[]> {
    try {
      this.#start();
    } catch (error) {
      const ending = this.#abandon(error);
      if (ending !== undefined) return ending;
      if (this.#siblings.active > 0) return Promise.reject(error);
      throw error;
    }
    if (this.#siblings.active === 0) {
      this.#siblings.end();
      return this.#results;
    }
    return new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  #start(): void {
    const branches = this.#branches;
    while (this.#siblings.active < this.#concurrency && this.#next < branches.length) {
      const index = this.#next;
      this.#next += 1;
      const branch = branches[index]!;
      const context = this.#siblings.context.at(branch.name);
      try {
        const result = branch.run(this.#inputOf(index), context);
        if (isThenable(result)) this.#wait(result, index, context);
        else this.#done(index, result, context);
      } catch (error) {
        this.#failed(index, error);
      }
    }
  }

  #wait(pending: PromiseLike<unknown>, index: number, context: RunContext): void {
    this.#siblings.active += 1;
    const go = (report: () => void): void => {
      this.#siblings.settled();
      if (this.#over) return;
      try {
        report();
        this.#start();
      } catch (error) {
        const ending = this.#abandon(error);
        if (ending === undefined) this.#reject!(error);
        else void ending.catch(this.#reject);
        return;
      }
      if (this.#siblings.active > 0) return;
      this.#over = true;
      this.#siblings.end();
      this.#resolve!(this.#results);
    };
    pending.then(
      (value) => {
        if (this.#over && value instanceof Source) void quietly(value);
        return go(() => this.#done(index, value, context));
      },
      (error: unknown) => go(() => this.#failed(index, error)),
    );
  }

  #done(index: number, result: unknown, context: RunContext): void {
    const { name } = this.#branches[index]!;
    const source =
      typeof result === "object" && result !== null
        ? toSource(result, name, context.branch)
        : undefined;
    const value = source === undefined ? result : outward(source, context);
    this.#results[index] = this.#settle ? { status: "fulfilled", value } : value;
  }

  #failed(index: number, error: unknown): void {
    const failure = this.#siblings.context.branch.blame(error, this.#branches[index]!.name);
    if (!this.#settle) throw failure;
    this.#results[index] = { status: "rejected", reason: failure };
  }

  /** End the others and close the streams there are; a promise that rejects, if that takes time. */
  #abandon(failure: unknown): Promise<never> | undefined {
    this.#over = true;
    const closing: PromiseLike<unknown>[] = [];
    const ending = this.#siblings.fail(failure);
    if (ending !== undefined) closing.push(ending);
    for (const result of this.#results) {
      if (result instanceof Stream) closing.push(result.close());
    }
    if (closing.length === 0) return undefined;
    return Promise.allSettled(closing).then(() => {
      throw failure;
    });
  }
}
