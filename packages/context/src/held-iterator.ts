import { types } from "node:util";
import { watchAbandonment, type Abandoned } from "./abandonment.ts";
import { inheritIterator, replaceSteps } from "./bound-iterator.ts";
import { inOrder, type Steps } from "./in-order.ts";
import { isAsync, type AnyIterator } from "./kind.ts";
import { Hold } from "./hold-state.ts";
import { detach, type Body } from "./body.ts";

type Result = IteratorResult<unknown>;

/** Binds an iterator that is a session's result, and ends the session when it ends. */
export function holdIterator(session: Body, iterator: AnyIterator): AnyIterator {
  const hold = new Hold(session);
  if (!types.isGeneratorObject(iterator)) return holdInPlace(hold, iterator);
  const steps = iterator as object as Steps<unknown>;
  const source = isAsync(iterator) ? inOrder(steps as Steps<Promise<Result>>, hold.scope) : steps;
  // What is handed out must be a variable of no function whose closures outlive it: they share one context.
  return watchHeld(
    hold,
    source,
    isAsync(iterator) ? holdAsync(hold, source) : holdSync(hold, source),
  );
}

function watchHeld(hold: Hold, source: Steps<unknown>, held: AnyIterator): AnyIterator {
  watchAbandonment(held, abandonedHold(hold, source));
  return held;
}

function abandonedHold(hold: Hold, source: Steps<unknown>): Abandoned {
  hold.session.whenAborted((reason) => hold.cancel(reason, () => source.return?.()));
  return {
    scope: hold.scope,
    end: () => source.return?.(),
    after: () => {
      hold.breakOff("STREAM_ABANDONED");
      detach(hold.end());
    },
  };
}

/** Another iterator stays the object it is; it may be more than its steps. */
function holdInPlace(hold: Hold, iterator: AnyIterator): AnyIterator {
  const source = stepsOf(iterator);
  const held = isAsync(iterator) ? holdAsync(hold, source) : holdSync(hold, source);
  const steps = held as Required<Steps<unknown>>;
  replaceSteps(iterator, (_step, name) => (value) => steps[name](value), ["return"]);
  watchAbandonment(iterator, abandonedInPlace(hold, new WeakRef(iterator)));
  return iterator;
}

/** Weak, for there is no source apart from what is handed out. What the iterator itself holds ends by itself. */
function abandonedInPlace(hold: Hold, iterator: WeakRef<AnyIterator>): Abandoned {
  hold.session.whenAborted((reason) => hold.cancel(reason, () => iterator.deref()?.return?.()));
  return {
    scope: hold.scope,
    end: () => undefined,
    after: () => {
      hold.breakOff("STREAM_ABANDONED");
      detach(hold.end());
    },
  };
}

function holdAsync(hold: Hold, source: Steps<unknown>): AnyIterator {
  return new HeldAsyncIterator(hold, source as Steps<Promise<Result>>);
}

function holdSync(hold: Hold, source: Steps<unknown>): AnyIterator {
  return new HeldSyncIterator(hold, source as Steps<Result>);
}

/** The steps of an iterator that stays the object it is, before they are replaced. */
function stepsOf(iterator: AnyIterator): Steps<unknown> {
  const { next, return: end, throw: fail } = iterator as Steps<unknown>;
  const call = (step: (value?: unknown) => unknown) => (value?: unknown) =>
    isAsync(iterator) ? Promise.resolve(step.call(iterator, value)) : step.call(iterator, value);
  return {
    next: call(next),
    ...(end && { return: call(end) }),
    ...(fail && { throw: call(fail) }),
  };
}

class HeldAsyncIterator implements AsyncIterator<unknown> {
  readonly #hold: Hold;
  readonly #source: Steps<Promise<Result>>;
  readonly #stepped: (result: Result) => Result | Promise<Result>;
  readonly #failed: (error: unknown) => Promise<never>;

  constructor(hold: Hold, source: Steps<Promise<Result>>) {
    this.#hold = hold;
    this.#source = source;
    // One pair of reactions for the stream, not one a step.
    this.#stepped = (result) => {
      if (!result.done) return result;
      hold.throwIfCancelled();
      const ending = hold.end();
      return ending === undefined ? result : ending.then(() => result);
    };
    this.#failed = async (error) => {
      await hold.fail(error);
      throw error;
    };
  }

  next(value?: unknown): Promise<Result> {
    const { scope, cancelled } = this.#hold;
    if (cancelled !== undefined) return Promise.reject(cancelled.reason);
    const source = this.#source;
    return scope.runInAsyncScope(source.next, source, value).then(this.#stepped, this.#failed);
  }

  return(value?: unknown): Promise<Result> {
    const hold = this.#hold;
    const source = this.#source;
    hold.breakOff("STREAM_BROKEN_OFF");
    const last =
      source.return === undefined
        ? Promise.resolve({ done: true, value } as const)
        : hold.scope.runInAsyncScope(source.return, source, value);
    return last.then(this.#stepped, this.#failed);
  }

  throw(error?: unknown): Promise<Result> {
    const source = this.#source;
    if (source.throw === undefined) return this.#failed(error);
    const last = this.#hold.scope.runInAsyncScope(source.throw, source, error);
    return last.then(this.#stepped, this.#failed);
  }
}
inheritIterator(HeldAsyncIterator, true);

class HeldSyncIterator implements Iterator<unknown> {
  readonly #hold: Hold;
  readonly #source: Steps<Result>;

  constructor(hold: Hold, source: Steps<Result>) {
    this.#hold = hold;
    this.#source = source;
  }

  next(value?: unknown): Result {
    this.#hold.throwIfCancelled();
    return this.#step(this.#source.next, value);
  }

  return(value?: unknown): Result {
    this.#hold.breakOff("STREAM_BROKEN_OFF");
    return this.#step(this.#source.return ?? done, value);
  }

  throw(error?: unknown): Result {
    return this.#step(this.#source.throw ?? rethrow, error);
  }

  #step(step: (value: unknown) => Result, value: unknown): Result {
    const hold = this.#hold;
    let result: Result;
    try {
      result = hold.scope.runInAsyncScope(step, this.#source, value);
    } catch (error) {
      detach(hold.fail(error));
      throw error;
    }
    if (result.done) detach(hold.end());
    return result;
  }
}
inheritIterator(HeldSyncIterator, false);

function done(value: unknown): Result {
  return { done: true, value };
}

function rethrow(error: unknown): never {
  throw error;
}
