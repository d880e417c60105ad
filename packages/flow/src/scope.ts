import { hubOf, type Listener } from "./signal-hub.ts";

/** What a scope ends when it is aborted. */
export interface Member {
  onAbort(reason: unknown): void;
}

/**
 * The lifetime of a run, or of a part of it that can end alone: a branch, an attempt. Its signal is made
 * when a step asks for it; most never do.
 */
export class Scope implements Listener {
  readonly parent: Scope | undefined;
  /** How long to wait for code that does not react to being closed, in milliseconds. */
  readonly closeTimeout: number;
  /** True once aborted; `reason` may be undefined all the same. */
  aborted = false;
  reason: unknown = undefined;
  /** Of the outermost scope only; see `StepContext.runId`. */
  runId: string | undefined = undefined;
  /** What runs in this scope as a whole; told last. */
  owner: Member | undefined = undefined;
  hubNext: Listener | undefined = undefined;
  hubPrevious: Listener | undefined = undefined;
  #controller: AbortController | undefined = undefined;
  #members: Set<Member> | undefined = undefined;
  #outer: AbortSignal | undefined = undefined;
  #second: Relay | undefined = undefined;

  constructor(parent: Scope | undefined, closeTimeout: number) {
    this.parent = parent;
    this.closeTimeout = closeTimeout;
  }

  /** Aborted when this scope is left early. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.aborted) this.#controller.abort(this.reason);
      else this.link();
    }
    return this.#controller.signal;
  }

  /** The scope of the whole run. */
  get root(): Scope {
    return this.parent === undefined ? this : this.parent.root;
  }

  /** Why this scope or one around it was aborted; undefined while none was. */
  abortReason(): { readonly value: unknown } | undefined {
    return this.aborted ? { value: this.reason } : this.parent?.abortReason();
  }

  /** Whether anything in here could have noticed an abort. */
  get observed(): boolean {
    return this.#controller !== undefined || (this.#members?.size ?? 0) > 0;
  }

  /** Be told of an abort, until {@link detach}. */
  attach(member: Member): void {
    if (this.aborted) {
      member.onAbort(this.reason);
      return;
    }
    this.link();
    (this.#members ??= new Set()).add(member);
  }

  detach(member: Member): void {
    this.#members?.delete(member);
  }

  /** Follow up to two signals of the outside: the caller's and the session's. */
  follow(first: AbortSignal | undefined, second: AbortSignal | undefined): void {
    if (first !== undefined) {
      if (first.aborted) return this.abort(first.reason);
      this.#outer = first;
      hubOf(first).add(this);
    }
    if (second !== undefined && second !== first) {
      if (second.aborted) return this.abort(second.reason);
      if (first === undefined) {
        this.#outer = second;
        hubOf(second).add(this);
      } else {
        this.#second = new Relay(this, second);
        hubOf(second).add(this.#second);
      }
    }
    return undefined;
  }

  /** Stop following: the run is over. */
  end(): void {
    if (this.#outer !== undefined) {
      hubOf(this.#outer).remove(this);
      this.#outer = undefined;
      if (this.#second !== undefined) hubOf(this.#second.signal).remove(this.#second);
      this.#second = undefined;
    }
    this.parent?.detach(this);
  }

  onAbort(reason: unknown): void {
    this.abort(reason);
  }

  abort(reason: unknown): void {
    if (this.aborted) return;
    this.aborted = true;
    this.reason = reason;
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
  readonly signal: AbortSignal;
  readonly #scope: Scope;

  constructor(scope: Scope, signal: AbortSignal) {
    this.#scope = scope;
    this.signal = signal;
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
