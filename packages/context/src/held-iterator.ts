import { types } from "node:util";
import { watchAbandonment } from "./abandonment.ts";
import { inheritIterator, replaceSteps } from "./bound-iterator.ts";
import { isAsync, type AnyIterator } from "./kind.ts";
import { Hold } from "./hold-state.ts";
import { detach, type Body } from "./body.ts";

type Result = IteratorResult<unknown>;

/** An iterator whose methods are handed to the scope, which calls them on it. */
interface Source<R> {
  readonly next: (value?: unknown) => R;
  readonly return?: (value?: unknown) => R;
  readonly throw?: (error?: unknown) => R;
}

/** Binds an iterator that is a session's result, and ends the session when it ends. */
export function holdIterator(session: Body, iterator: AnyIterator): AnyIterator {
  const hold = new Hold(session);
  const generator = types.isGeneratorObject(iterator);
  const source = generator ? (iterator as object as Source<unknown>) : stepsOf(iterator);
  session.whenAborted((reason) => hold.cancel(reason, () => source.return?.()));
  const held = isAsync(iterator)
    ? new HeldAsyncIterator(hold, source as Source<Promise<Result>>)
    : new HeldSyncIterator(hold, source as Source<Result>);
  if (!generator) return replaceSteps(iterator, (_step, name) => (value) => held[name](value));
  watchAbandonment(held, {
    scope: hold.scope,
    end: () => source.return?.(),
    after: () => {
      hold.breakOff("STREAM_ABANDONED");
      detach(hold.end());
    },
  });
  return held;
}

/** The steps of an iterator that stays the object it is, before they are replaced. */
function stepsOf(iterator: AnyIterator): Source<unknown> {
  const { next, return: end, throw: fail } = iterator as Source<unknown>;
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
  readonly #source: Source<Promise<Result>>;
  readonly #stepped: (result: Result) => Result | Promise<Result>;
  readonly #failed: (error: unknown) => Promise<never>;

  constructor(hold: Hold, source: Source<Promise<Result>>) {
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
      await hold.session.fail(error);
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
  readonly #source: Source<Result>;

  constructor(hold: Hold, source: Source<Result>) {
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
      detach(hold.session.fail(error));
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
