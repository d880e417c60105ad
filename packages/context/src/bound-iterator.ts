import { watchAbandonment } from "./abandonment.ts";
import { isAsync, type AnyIterator } from "./kind.ts";
import type { SessionRecord } from "./registry.ts";
import { createScope, type Scope } from "./scope.ts";

type Step = (value?: unknown) => unknown;

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
export function bindGenerator(session: SessionRecord, source: AnyIterator): AnyIterator {
  const scope = createScope(session);
  const Bound = isAsync(source) ? BoundAsyncIterator : BoundSyncIterator;
  const bound = new Bound(source, scope);
  watchAbandonment(bound, { source, scope });
  return bound as AnyIterator;
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

function boundClass(prototype: object): new (source: AnyIterator, scope: Scope) => object {
  class BoundIterator {
    readonly #source: { next: Step; return: Step; throw: Step };
    readonly #scope: Scope;

    constructor(source: AnyIterator, scope: Scope) {
      this.#source = source as object as { next: Step; return: Step; throw: Step };
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
