import { nanoid } from "nanoid";
import { bindResult, bindTarget } from "./bind.ts";
import { closedChannel, openedChannel } from "./channels.ts";
import { argumentError, describe, isSessionError, sessionDisposed, warn } from "./errors.ts";
import { inspect, type InspectOptions } from "node:util";
import { inspectSession } from "./inspect.ts";
import { Lifetime } from "./lifetime.ts";
import { registry, storage, type Attached, type SessionRecord } from "./registry.ts";
import type { Body } from "./body.ts";
import { runBody } from "./run-body.ts";
import { checkBody, checkOptions, checkOutcome, sessionBrand } from "./session-options.ts";
import type { Session, SessionDisposer, SessionOptions, SessionOutcome } from "./session.ts";

const OK: SessionOutcome = Object.freeze({ status: "ok" });

/**
 * A session, and the value in the AsyncLocalStorage. Opening and ending one that registers nothing allocates
 * this object only: id, lifetime and values are made on first touch.
 */
export class ActiveSession implements Session, SessionRecord, Body {
  sets: (unknown[] | undefined)[] | undefined = undefined;
  phase: 0 | 1 | 2 = 0;
  parent: ActiveSession | undefined = undefined;
  attached: Attached | undefined = undefined;
  #id: string | undefined = undefined;
  #life: Lifetime | undefined = undefined;
  #outcome: SessionOutcome = OK;

  constructor(options?: SessionOptions) {
    if (options !== undefined) this.#configure(options);
    registry.opened++;
    if (openedChannel.hasSubscribers) openedChannel.publish({ session: this });
  }

  get id(): string {
    return (this.#id ??= nanoid());
  }

  get disposed(): boolean {
    return this.phase === 2;
  }

  get signal(): AbortSignal {
    if (this.phase === 2) {
      const outcome = this.#outcome;
      return AbortSignal.abort(
        outcome.status === "aborted" ? outcome.reason : sessionDisposed(this.id),
      );
    }
    return this.#lifetime().signal();
  }

  get done(): Promise<SessionOutcome> {
    return this.phase === 2 ? Promise.resolve(this.#outcome) : this.#lifetime().done();
  }

  get framework(): Session["framework"] {
    this.#refuseDisposed();
    return ((this.attached ??= {}).framework ??= {});
  }

  run<R>(fn: (session: Session) => R): R {
    this.#refuseDisposed();
    const result = storage.run(this, fn, this);
    return bindResult(this, result);
  }

  fork<R>(fn: (session: Session) => R): R;
  fork<R>(options: Omit<SessionOptions, "parent">, fn: (session: Session) => R): R;
  fork<R>(first: object, second?: (session: Session) => R): R {
    const fn = second ?? (first as (session: Session) => R);
    checkBody(fn);
    const options: SessionOptions = second === undefined ? {} : first;
    return runBody(new ActiveSession({ ...options, parent: this }), fn);
  }

  bind<T extends object>(target: T): T {
    this.#refuseDisposed();
    return bindTarget(this, target);
  }

  onDispose(disposer: SessionDisposer): () => void {
    this.#refuseDisposed();
    if (typeof disposer !== "function") {
      throw argumentError(
        "OPTIONS_INVALID",
        `onDispose needs a function, not ${describe(disposer)}.`,
      );
    }
    return this.#lifetime().addDisposer(disposer);
  }

  waitUntil(promise: PromiseLike<unknown>): void {
    this.#refuseDisposed();
    const life = this.#lifetime();
    life.open++;
    Promise.resolve(promise).then(
      () => this.#release(life),
      (error: unknown) => {
        life.waitFailed(this.id, error);
        this.#release(life);
      },
    );
  }

  async close(outcome: SessionOutcome = OK): Promise<SessionOutcome> {
    checkOutcome(outcome);
    if (this.phase === 0) {
      this.#lifetime().awaited = true;
      if (outcome.status === "aborted") this.#closeForks(outcome);
      await this.finish(outcome);
    }
    const ended = await this.done;
    if (outcome.status === "ok" && ended.status === "error") {
      if (isSessionError(ended.error, "DISPOSER_FAILED")) throw ended.error;
    }
    return ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  finish(outcome: SessionOutcome = OK): Promise<void> | undefined {
    if (this.phase !== 0) return undefined;
    if (this.#life === undefined && this.parent === undefined) {
      this.#drop(outcome);
      return undefined;
    }
    const life = this.#lifetime();
    this.phase = 1;
    life.outcome = outcome;
    if (life.open === 0) return this.#unwind(life);
    life.detached = true;
    return undefined;
  }

  fail(error: unknown): Promise<void> | undefined {
    const aborted = this.#life?.aborted;
    return this.finish(
      aborted === undefined
        ? { status: "error", error }
        : { status: "aborted", reason: aborted.reason },
    );
  }

  abort(reason: unknown): void {
    if (this.phase !== 2) storage.run(this, () => this.#lifetime().abort(reason));
  }

  whenAborted(listener: (reason: unknown) => void): void {
    this.#lifetime().abortListener = listener;
  }

  enterFork(fork: SessionRecord): void {
    const life = this.#lifetime();
    life.open++;
    life.forks.add(fork);
  }

  leaveFork(fork: SessionRecord): void {
    const life = this.#life;
    if (life?.forks.delete(fork)) this.#release(life);
  }

  #configure(options: SessionOptions): void {
    checkOptions(options);
    const { id, signal } = options;
    const parent = options.parent as ActiveSession | undefined;
    if (signal?.aborted) throw signal.reason;
    if (parent?.phase === 2) throw sessionDisposed(parent.id);
    this.#id = id;
    if (parent !== undefined) this.#inherit(parent);
    if (signal !== undefined) this.#lifetime().follow(signal, (reason) => this.abort(reason));
  }

  #inherit(parent: ActiveSession): void {
    this.sets = parent.sets?.map((values, set) =>
      values === undefined ? undefined : registry.globals[set]?.forkValues(values),
    );
    if (parent.attached !== undefined) {
      this.attached = { ...parent.attached };
      if (this.attached.framework) this.attached.framework = { ...this.attached.framework };
    }
    this.parent = parent;
    parent.enterFork(this);
  }

  /** Runs what is left of the disposers: here and now, unless one returns a promise. */
  #unwind(life: Lifetime): Promise<void> | undefined {
    life.unwinding = true;
    const waiting = storage.run(this, () => life.dispose());
    if (waiting !== undefined) return waiting.then(() => this.#unwind(life));
    if (life.open > 0) {
      // A disposer has called waitUntil: #release goes on.
      life.unwinding = false;
      life.detached = true;
      return undefined;
    }
    if (this.parent !== undefined) storage.run(this, () => this.#join(life));
    const failure = life.failure(this.id);
    const wasOk = life.outcome.status === "ok";
    this.#drop(failure !== undefined && wasOk ? { status: "error", error: failure } : life.outcome);
    if (failure === undefined) return undefined;
    if (wasOk && !life.detached) throw failure;
    if (!wasOk || !life.awaited) process.emitWarning(failure);
    return undefined;
  }

  #join(life: Lifetime): void {
    this.sets?.forEach((values, set) => {
      if (values === undefined || this.parent === undefined) return;
      try {
        registry.globals[set]?.joinValues(this.parent, values, life.outcome);
      } catch (error) {
        life.errors.push(error);
      }
    });
  }

  #drop(outcome: SessionOutcome): void {
    const life = this.#life;
    const { parent } = this;
    this.phase = 2;
    this.sets = undefined;
    this.parent = undefined;
    this.attached = undefined;
    this.#life = undefined;
    this.#outcome = outcome;
    registry.closed++;
    life?.end(outcome);
    parent?.leaveFork(this);
    if (closedChannel.hasSubscribers) closedChannel.publish({ session: this, outcome });
  }

  #release(life: Lifetime): void {
    life.open--;
    if (life.open === 0 && life.detached && !life.unwinding) {
      this.#unwind(life)?.catch(warn);
    }
  }

  #closeForks(outcome: { status: "aborted"; reason: unknown }): void {
    this.abort(outcome.reason);
    for (const fork of this.#life?.forks ?? []) {
      fork.close(outcome).catch(warn);
    }
  }

  #lifetime(): Lifetime {
    return (this.#life ??= new Lifetime());
  }

  #refuseDisposed(): void {
    if (this.phase === 2) throw sessionDisposed(this.id);
  }
}

Object.defineProperties(ActiveSession.prototype, {
  [sessionBrand]: { value: true },
  [inspect.custom]: {
    value(this: ActiveSession, depth: number, options: InspectOptions): string {
      return inspectSession(this, depth, options);
    },
  },
});
