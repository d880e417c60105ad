import type { Binding } from "./binding.ts";
import type { RunContext } from "./context.ts";
import { quietly, startClosing } from "./drain.ts";
import type { EachGroup } from "./each.ts";
import { bounded } from "./scope.ts";
import { type Answer, SingleSource, Source } from "./source.ts";
import { isThenable } from "./thenable.ts";

/** How a stream came to its end. */
export type Outcome =
  | { readonly status: "ended" }
  | { readonly status: "failed"; readonly error: unknown }
  | { readonly status: "aborted"; readonly reason: unknown };

const ended: Outcome = { status: "ended" };

/** What a reader reads: opened at the first `next()`, so that an unread stream does nothing. */
export interface Readout {
  /** Run up to the stream. A value that is no stream becomes its only chunk. */
  open(context: RunContext): unknown;
  /** Steps that the reader itself applies to each chunk; this saves a promise per chunk. */
  readonly tail: EachGroup | undefined;
  /** Close what `open` would have given, when it was never opened. */
  discard?(): unknown;
  /** What the run fails with: why it was aborted, if it was, unless this went wrong while it was `leaving`. */
  fail(error: unknown, context: RunContext, leaving?: boolean): unknown;
  /** The run is over. */
  ended?(context: RunContext, outcome: Outcome): void;
}

/**
 * The iterator of a stream, whoever calls it from wherever: each call enters the context in which the
 * stream was made. Calls that overlap are answered in order.
 */
export class Reader implements AsyncIterableIterator<unknown> {
  readonly #readout: Readout;
  readonly #context: RunContext;
  /** Undefined inside a run, where the context is the right one already. */
  readonly #binding: Binding | undefined;
  #source: Source | undefined = undefined;
  #closed = false;
  /** The pending `next()`. At most one is under way; those after it wait in `#waiting`. */
  #resolve: ((answer: Answer) => void) | undefined = undefined;
  #reject: ((error: unknown) => void) | undefined = undefined;
  #waiting: Waiting[] | undefined = undefined;
  #onAnswer: ((answer: Answer) => void) | undefined = undefined;
  #onError: ((error: unknown) => void) | undefined = undefined;
  /** An abort that came while no `next()` was pending: the next one reports it. */
  #failure: { readonly error: unknown } | undefined = undefined;

  constructor(readout: Readout, context: RunContext, binding: Binding | undefined) {
    this.#readout = readout;
    this.#context = context;
    this.#binding = binding;
    if (binding !== undefined) context.scope.owner = this;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<Answer> {
    if (this.#resolve !== undefined) return this.#wait();
    if (this.#closed) return this.#after();
    return this.#binding === undefined
      ? this.#advance()
      : // oxlint-disable-next-line typescript/unbound-method -- `this` is the next argument
        this.#binding.runInAsyncScope(this.#advance, this);
  }

  /** Leave early: `ctx.signal` aborts, then every generator is closed, for at most `closeTimeout`. */
  async return(value?: unknown): Promise<Answer> {
    if (!this.#closed) await this.#leave(undefined);
    return { done: true, value: await value };
  }

  async throw(error?: unknown): Promise<Answer> {
    if (!this.#closed) await this.#leave(error);
    throw error;
  }

  /** Called by the scope: the run was aborted from outside. */
  onAbort(reason: unknown): void {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#resolve === undefined) this.#failure = { error: reason };
    else this.#reject!(reason);
    this.#release();
    if (this.#source !== undefined) {
      if (this.#binding === undefined) void quietly(this.#source);
      else this.#binding.runInAsyncScope(quietly, undefined, this.#source).catch(() => undefined);
    }
    this.#over({ status: "aborted", reason });
  }

  #advance(): Promise<Answer> {
    if (this.#onAnswer === undefined) this.#prepare();
    try {
      const source = this.#source ?? this.#open();
      if (source === undefined) return this.#pending();
      const answer = source.pull();
      if (!isThenable(answer)) return this.#answerNow(answer);
      void answer.then(this.#onAnswer, this.#onError);
      return this.#pending();
    } catch (error) {
      const failed = this.#pending();
      this.#fail(error);
      return failed;
    }
  }

  /** Undefined when the source is still to come. */
  #open(): Source | undefined {
    const { scope } = this.#context;
    if (this.#binding === undefined) {
      scope.attach(this);
    } else if (scope.parent === undefined) {
      scope.follow();
      if (scope.ended !== undefined) throw scope.ended.reason;
    } else {
      scope.link();
    }
    const opened = this.#readout.open(this.#context);
    if (!isThenable(opened)) return this.#adopt(opened);
    void opened.then((later) => this.#opened(later), this.#onError);
    return undefined;
  }

  #adopt(opened: unknown): Source {
    this.#source = opened instanceof Source ? opened : new SingleSource(opened);
    return this.#source;
  }

  #opened(opened: unknown): void {
    if (this.#closed) {
      if (opened instanceof Source) void quietly(opened);
      return;
    }
    try {
      const answer = this.#adopt(opened).pull();
      if (isThenable(answer)) void answer.then(this.#onAnswer, this.#onError);
      else this.#onAnswer!(answer);
    } catch (error) {
      this.#fail(error);
    }
  }

  #answered(answer: Answer): void {
    if (this.#closed) return;
    if (answer.done === true) return this.#end();
    const { tail } = this.#readout;
    if (tail === undefined) return this.#settle({ done: false, value: answer.value });
    try {
      const value = tail.apply(answer.value, this.#context);
      if (isThenable(value)) value.then((chunk) => this.#made(chunk), this.#onError);
      else this.#settle({ done: false, value });
    } catch (error) {
      this.#fail(error);
    }
    return undefined;
  }

  #made(value: unknown): void {
    if (!this.#closed) this.#settle({ done: false, value });
  }

  /** The handlers, made once per stream: not at each chunk, and not for one that is never read. */
  #prepare(): void {
    this.#onAnswer = (answer) => this.#answered(answer);
    this.#onError = (error) => {
      if (!this.#closed) this.#fail(error);
    };
  }

  /** The source did not wait, so neither does the reader. */
  #answerNow(answer: Answer): Promise<Answer> {
    if (answer.done === true) {
      this.#closed = true;
      this.#over(ended);
      return Promise.resolve({ done: true, value: undefined });
    }
    const { tail } = this.#readout;
    if (tail === undefined) return Promise.resolve(answer);
    const value = tail.apply(answer.value, this.#context);
    if (!isThenable(value)) return Promise.resolve({ done: false, value });
    value.then((chunk) => this.#made(chunk), this.#onError);
    return this.#pending();
  }

  /** The promise of a `next()`, to be settled when its chunk is there. */
  #pending(): Promise<Answer> {
    const promise = new Promise(executor);
    this.#resolve = resolveMade;
    this.#reject = rejectMade;
    return promise;
  }

  #settle(answer: Answer): void {
    const resolve = this.#resolve!;
    this.#resolve = undefined;
    // Kept, it would keep the promise and its chunk for as long as the stream is open.
    this.#reject = undefined;
    resolve(answer);
    if (this.#waiting !== undefined) this.#serve();
  }

  #end(): void {
    this.#closed = true;
    this.#resolve!({ done: true, value: undefined });
    this.#release();
    this.#over(ended);
  }

  #fail(thrown: unknown): void {
    this.#closed = true;
    const source = this.#source;
    const reject = this.#reject!;
    const { scope } = this.#context;
    let failure = source === undefined ? thrown : source.blame(thrown);
    failure = this.#readout.fail(failure, this.#context);
    if (this.#binding !== undefined) scope.abort(failure);
    const rejected = (): void => {
      reject(failure);
      this.#release();
      this.#over({ status: "failed", error: failure });
    };
    const closing = source === undefined ? undefined : startClosing(source, scope.closeTimeout);
    if (closing === undefined) rejected();
    else void closing.finally(rejected);
  }

  async #leave(error: unknown): Promise<void> {
    this.#closed = true;
    const { scope } = this.#context;
    this.#resolve?.({ done: true, value: undefined });
    this.#release();
    const close = (): unknown => {
      if (this.#binding !== undefined) {
        scope.abort(
          scope.observed ? (error ?? new DOMException("The reader has left", "AbortError")) : error,
        );
      }
      return this.#source === undefined ? this.#readout.discard?.() : this.#source.close();
    };
    try {
      const closing =
        this.#binding === undefined ? close() : this.#binding.runInAsyncScope(close, undefined);
      if (isThenable(closing)) await bounded(closing, scope.closeTimeout);
    } catch (thrown) {
      throw this.#readout.fail(this.#source?.blame(thrown) ?? thrown, this.#context, true);
    } finally {
      this.#over({ status: "aborted", reason: error });
    }
  }

  /** A `next()` behind others. */
  #wait(): Promise<Answer> {
    return new Promise((resolve, reject) => {
      (this.#waiting ??= []).push({ resolve, reject });
    });
  }

  /** The next of those that wait gets its turn. */
  #serve(): void {
    const waiting = this.#waiting!.shift();
    if (waiting === undefined) this.#waiting = undefined;
    else this.next().then(waiting.resolve, waiting.reject);
  }

  /** Nothing is pending any more; who waited learns that the stream is over. */
  #release(): void {
    this.#resolve = undefined;
    this.#reject = undefined;
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting !== undefined)
      for (const { resolve } of waiting) resolve({ done: true, value: undefined });
  }

  #after(): Promise<Answer> {
    const failure = this.#failure;
    this.#failure = undefined;
    return failure === undefined
      ? Promise.resolve({ done: true, value: undefined })
      : Promise.reject(failure.error);
  }

  #over(outcome: Outcome): void {
    const { scope } = this.#context;
    if (this.#binding === undefined) scope.detach(this);
    else scope.end();
    this.#readout.ended?.(this.#context, outcome);
  }
}

interface Waiting {
  readonly resolve: (answer: Answer | PromiseLike<Answer>) => void;
  readonly reject: (error: unknown) => void;
}

/** What the executor was given last: one function for all streams saves a closure in each. */
let resolveMade: Waiting["resolve"];
let rejectMade: Waiting["reject"];
const executor = (resolve: Waiting["resolve"], reject: Waiting["reject"]): void => {
  resolveMade = resolve;
  rejectMade = reject;
};
