import type { RunContext } from "./context.ts";
import type { Member } from "./scope.ts";
import { Source } from "./source.ts";
import { isThenable } from "./thenable.ts";

/** How the run that is settled reports its end. */
export interface Settling {
  /** What becomes of a stream at the end of a call. */
  finish(source: Source, context: RunContext): unknown;
  /** What the run fails with. */
  fail(error: unknown, context: RunContext): unknown;
}

type Resolve = (value: unknown) => void;
type Reject = (error: unknown) => void;

/** What the executor was given last: one function for all promises. */
let resolveMade: Resolve;
let rejectMade: Reject;
const executor = (resolve: Resolve, reject: Reject): void => {
  resolveMade = resolve;
  rejectMade = reject;
};

/** The promise of a run that waits: it rejects with the run, or at once when the run is aborted. */
export class Settlement implements Member {
  readonly promise: Promise<unknown> = new Promise(executor);
  readonly #resolve: Resolve = resolveMade;
  readonly #reject: Reject = rejectMade;
  readonly #settling: Settling;
  readonly #context: RunContext;

  constructor(settling: Settling, context: RunContext) {
    this.#settling = settling;
    this.#context = context;
    context.scope.owner = this;
    context.scope.follow();
  }

  onAbort(reason: unknown): void {
    void this.#context.trace?.tell({ type: "run-aborted", reason });
    this.#reject(reason);
  }

  done(value: unknown): void {
    if (value instanceof Source) {
      const finished = this.#settling.finish(value, this.#context);
      if (isThenable(finished)) {
        finished.then(
          (later) => this.done(later),
          (error: unknown) => this.failed(error),
        );
        return;
      }
      this.done(finished);
      return;
    }
    this.#context.scope.end();
    const told = this.#context.trace?.tell({ type: "run-ended", output: value });
    if (told === undefined) this.#resolve(value);
    else this.#resolve(told.then(() => value));
  }

  failed(error: unknown): void {
    const { scope, trace } = this.#context;
    if (scope.ended !== undefined) return;
    scope.owner = undefined;
    const failure = this.#settling.fail(error, this.#context);
    scope.abort(failure);
    void trace?.tell({ type: "run-failed", error: failure });
    this.#reject(failure);
  }
}
