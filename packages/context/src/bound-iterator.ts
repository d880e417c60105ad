import { types } from "node:util";
import { watchAbandonment } from "./abandonment.ts";
import { inOrder, type Steps } from "./in-order.ts";
import { isAsync, type AnyIterator } from "./kind.ts";
import type { SessionRecord } from "./registry.ts";
import { createScope, type Scope } from "./scope.ts";

type Step = (...args: unknown[]) => unknown;
type StepName = "next" | "return" | "throw";

/** What a generator's prototype inherits: `Symbol.iterator`, `map`, `filter` and what else the runtime has. */
const syncPrototype = prototypeOf(prototypeOf([][Symbol.iterator]()));
const asyncPrototype = prototypeOf(prototypeOf(async function* () {}.prototype as object));

const BoundSyncIterator = boundClass(syncPrototype);
const BoundAsyncIterator = boundClass(asyncPrototype);

/**
 * A generator that steps in the context of this place and in the given session, whoever calls `next`,
 * `return` or `throw`: its body, its `finally` and what it delegates to see that session. Queued calls keep
 * their order, since each is handed to the generator at once. Collected unfinished, it is ended.
 */
export function bindIterator(session: SessionRecord, source: AnyIterator): AnyIterator {
  if (!types.isGeneratorObject(source)) return bindInPlace(session, source);
  const scope = createScope(session);
  const steps = isAsync(source)
    ? inOrder(source as object as Steps<Promise<IteratorResult<unknown>>>, scope)
    : (source as object as Steps<unknown>);
  const bound = isAsync(source)
    ? new BoundAsyncIterator(steps, scope)
    : new BoundSyncIterator(steps, scope);
  watchAbandonment(bound, { scope, end: () => steps.return?.() });
  return bound as AnyIterator;
}

/** Another iterator (a database cursor, say) may have more to it than steps: it stays the object it is. */
function bindInPlace(session: SessionRecord, iterator: AnyIterator): AnyIterator {
  const scope = createScope(session);
  return replaceSteps(
    iterator,
    (step) =>
      function (this: unknown, ...args) {
        return scope.runInAsyncScope(step as Step, this, ...args);
      },
  );
}

/** Replaces the steps that an iterator has, and gives it those of `always` that it has not. */
export function replaceSteps(
  iterator: AnyIterator,
  make: (step: Step | undefined, name: StepName) => Step,
  always: readonly StepName[] = [],
): AnyIterator {
  for (const name of ["next", "return", "throw"] as const) {
    const step = iterator[name] as Step | undefined;
    if (typeof step !== "function" && !always.includes(name)) continue;
    Object.defineProperty(iterator, name, {
      configurable: true,
      writable: true,
      value: make(step, name),
    });
  }
  return iterator;
}

/** Gives a class of iterators the prototype of the built-in ones. */
export function inheritIterator(iteratorClass: { prototype: object }, async: boolean): void {
  Object.setPrototypeOf(iteratorClass.prototype, async ? asyncPrototype : syncPrototype);
  if (!async || Symbol.asyncDispose in asyncPrototype) return;
  Object.defineProperty(iteratorClass.prototype, Symbol.asyncDispose, {
    async value(this: AsyncIterator<unknown>) {
      await this.return?.();
    },
  });
}

function boundClass(prototype: object): new (source: Steps<unknown>, scope: Scope) => object {
  class BoundIterator {
    readonly #source: Required<Steps<unknown>>;
    readonly #scope: Scope;

    constructor(source: Steps<unknown>, scope: Scope) {
      this.#source = source as Required<Steps<unknown>>;
      this.#scope = scope;
    }

    next(value?: unknown): unknown {
      return this.#scope.runInAsyncScope(this.#source.next, this.#source, value);
    }

    return(value?: unknown): unknown {
      return this.#scope.runInAsyncScope(this.#source.return, this.#source, value);
    }

    throw(error?: unknown): unknown {
      return this.#scope.runInAsyncScope(this.#source.throw, this.#source, error);
    }
  }
  inheritIterator(BoundIterator, prototype === asyncPrototype);
  return BoundIterator;
}

function prototypeOf(value: object): object {
  return Object.getPrototypeOf(value) as object;
}
