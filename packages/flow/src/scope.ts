import { sessionSignal } from "./binding.ts";
import type { CallOptions } from "./run-options.ts";
import { hubOf, type Listener, type SignalHub } from "./signal-hub.ts";

/** What a scope ends when it is aborted. */
export interface Member {
  onAbort(reason: unknown): void;
}

/** Why a scope is over before its time; the reason may be undefined. */
export interface Ended {
  readonly reason: unknown;
}

/** Whether this scope or one around it was aborted, and why. */
export function endedOf(scope: Scope): Ended | undefined {
  let at: Scope | undefined = scope;
  while (at !== undefined && at.ended === undefined) at = at.parent;
  return at?.ended;
}

/**
 * The lifetime of a run, or of a part of it that can end alone: a branch, an attempt. Its signal is made
 * when a step asks for it; most never do.
 */
export class Scope implements Listener {
  readonly parent: Scope | undefined;
  /** What the run was called with. */
  readonly options: CallOptions | undefined;
  /** Set once aborted, and why. */
  ended: Ended | undefined = undefined;
  /** Of the outermost scope only; see `StepContext.runId`. */
  runId: string | undefined = undefined;
  /** What runs in this scope as a whole; told last. */
  owner: Member | undefined = undefined;
  hubNext: Listener | undefined = undefined;
  hubPrevious: Listener | undefined = undefined;
  #controller: AbortController | undefined = undefined;
  #members: Set<Member> | undefined = undefined;
  #followed: SignalHub | undefined = undefined;
  #second: Relay | undefined = undefined;

  constructor(parent: Scope | undefined, options: CallOptions | undefined) {
    this.parent = parent;
    this.options = options;
  }

  /** How long to wait for code that does not react to being closed, in milliseconds. */
  get closeTimeout(): number {
    return this.options?.closeTimeout ?? 1000;
  }

  /** Aborted when this scope is left early. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.ended !== undefined) this.#controller.abort(this.ended.reason);
      else this.link();
    }
    return this.#controller.signal;
  }

  /** The scope of the whole run. */
  get root(): Scope {
    return this.parent === undefined ? this : this.parent.root;
  }

  /** Whether anything in here could have noticed an abort. */
  get observed(): boolean {
    return this.#controller !== undefined || (this.#members?.size ?? 0) > 0;
  }

  /** Be told of an abort, until {@link detach}. */
  attach(member: Member): void {
    if (this.ended !== undefined) {
      member.onAbort(this.ended.reason);
      return;
    }
    this.link();
    (this.#members ??= new Set()).add(member);
  }

  detach(member: Member): void {
    this.#members?.delete(member);
  }

  /** Begin to follow the signals from outside: the caller's and the session's. */
  follow(): void {
    const first = this.options?.signal;
    const second = sessionSignal();
    if (first !== undefined) {
      this.#followed = hubOf(first);
      if (!this.#followed.add(this)) return this.abort(first.reason);
    }
    if (second === undefined || second === first) return undefined;
    const hub = hubOf(second);
    if (first !== undefined) {
      this.#second = new Relay(this, hub);
      return this.#second.follows ? undefined : this.abort(second.reason);
    }
    this.#followed = hub;
    return hub.add(this) ? undefined : this.abort(second.reason);
  }

  /** Stop following: the run is over. */
  end(): void {
    if (this.#followed !== undefined) {
      this.#followed.remove(this);
      this.#followed = undefined;
      this.#second?.leave();
      this.#second = undefined;
    }
    this.parent?.detach(this);
  }

  onAbort(reason: unknown): void {
    this.abort(reason);
  }

  abort(reason: unknown): void {
    if (this.ended !== undefined) return;
    this.ended = { reason };
    this.end();
    this.#controller?.abort(reason);
    if (this.#members !== undefined) {
      for (const member of this.#members) member.onAbort(reason);
      this.#members.clear();
    }
    this.owner?.onAbort(reason);
  }

  /** Hear of the parent's abort; done once there is something here that wants to know. */
  link(): void {
    this.parent?.attach(this);
  }
}

/** A scope's place in the hub of a second signal. */
class Relay implements Listener {
  hubNext: Listener | undefined = undefined;
  hubPrevious: Listener | undefined = undefined;
  /** False if the signal has been aborted already. */
  readonly follows: boolean;
  readonly #scope: Scope;
  readonly #hub: SignalHub;

  constructor(scope: Scope, hub: SignalHub) {
    this.#scope = scope;
    this.#hub = hub;
    this.follows = hub.add(this);
  }

  leave(): void {
    this.#hub.remove(this);
  }

  onAbort(reason: unknown): void {
    this.#scope.abort(reason);
  }
}

/** Wait for `closing`, but not longer than `milliseconds`: code that hangs must not hang its caller. */
export function bounded(closing: PromiseLike<unknown>, milliseconds: number): Promise<unknown> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise((resolve) => {
    timer = setTimeout(resolve, milliseconds);
  });
  return Promise.race([closing, late]).finally(() => {
    clearTimeout(timer);
  });
}
