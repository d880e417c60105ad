import { SessionError } from "./errors.ts";
import type { SessionRecord } from "./registry.ts";
import type { SessionDisposer, SessionOutcome } from "./session.ts";

/** What a session needs only once something is registered with it: made then, dropped at the end. */
export class Lifetime {
  readonly forks: Set<SessionRecord> = new Set();
  /** Outstanding promises given to `waitUntil`, and forks. */
  open = 0;
  outcome: SessionOutcome = { status: "ok" };
  aborted: { readonly reason: unknown } | undefined;
  abortListener: ((reason: unknown) => void) | undefined;
  /** The body is over and nobody waits for the disposers. */
  detached = false;
  /** Disposers are being run. */
  unwinding = false;
  /** `close` waits and reports. */
  awaited = false;
  readonly errors: unknown[] = [];
  readonly #disposers: { readonly dispose: SessionDisposer }[] = [];
  #controller: AbortController | undefined;
  #unfollow: (() => void) | undefined;
  #done: Promise<SessionOutcome> | undefined;
  #resolve: ((outcome: SessionOutcome) => void) | undefined;

  addDisposer(dispose: SessionDisposer): () => void {
    const entry = { dispose };
    this.#disposers.push(entry);
    return () => {
      const place = this.#disposers.lastIndexOf(entry);
      if (place !== -1) this.#disposers.splice(place, 1);
    };
  }

  /** Runs disposers, last first, up to one that returns a promise; resolves when that has settled. */
  dispose(): Promise<void> | undefined {
    for (let entry = this.#disposers.pop(); entry; entry = this.#disposers.pop()) {
      try {
        const result: unknown = entry.dispose(this.outcome);
        if (typeof (result as PromiseLike<void> | undefined)?.then === "function") {
          return Promise.resolve(result as PromiseLike<void>).catch((error: unknown) => {
            this.errors.push(error);
          });
        }
      } catch (error) {
        this.errors.push(error);
      }
    }
    return undefined;
  }

  failure(id: string): SessionError | undefined {
    const { errors } = this;
    if (errors.length === 0) return undefined;
    const cause: unknown =
      errors.length === 1 ? errors[0] : new AggregateError(errors, "Several disposers failed");
    return new SessionError(
      "DISPOSER_FAILED",
      `${errors.length} disposer or join policy of session ${JSON.stringify(id)} failed: ` +
        `${errors.map(String).join("; ")}. The others ran; see cause.`,
      { cause, details: { id } },
    );
  }

  waitFailed(id: string, error: unknown): void {
    if (this.outcome.status === "ok") this.outcome = { status: "error", error };
    process.emitWarning(
      new SessionError(
        "WAIT_UNTIL_FAILED",
        `A promise given to waitUntil of session ${JSON.stringify(id)} rejected: ${String(error)}`,
        { cause: error, details: { id } },
      ),
    );
  }

  signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.aborted !== undefined) this.#controller.abort(this.aborted.reason);
    }
    return this.#controller.signal;
  }

  abort(reason: unknown): void {
    if (this.aborted !== undefined) return;
    this.aborted = { reason };
    this.#controller?.abort(reason);
    for (const fork of this.forks) fork.abort(reason);
    this.abortListener?.(reason);
  }

  /** Aborts with another signal, until the end. */
  follow(signal: AbortSignal, abort: (reason: unknown) => void): void {
    const listener = (): void => abort(signal.reason);
    signal.addEventListener("abort", listener, { once: true });
    this.#unfollow = () => signal.removeEventListener("abort", listener);
  }

  done(): Promise<SessionOutcome> {
    return (this.#done ??= new Promise((resolve) => {
      this.#resolve = resolve;
    }));
  }

  end(outcome: SessionOutcome): void {
    this.#unfollow?.();
    this.#resolve?.(outcome);
  }
}
