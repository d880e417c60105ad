import type { Branch } from "./branches.ts";
import type { RunContext } from "./context.ts";
import { Scope } from "./scope.ts";
import { type Answer, SingleSource, Source, toSource } from "./source.ts";
import { isThenable } from "./thenable.ts";

/** Chunks a branch may have ready or under way that nobody has asked for yet. */
const AHEAD = 2;

/**
 * Several branches as one stream, chunks in the order they arrive. Since a branch has at most two of them
 * in the line, a fast one cannot keep a slow one out.
 */
export class MergeSource extends Source {
  readonly #context: RunContext;
  readonly #scope: Scope;
  readonly #lanes: readonly Lane[];
  readonly #tagged: boolean;
  /** Chunks nobody has asked for yet, as lane and value in turn. */
  readonly #ready: unknown[] = [];
  #open: number;
  #started = false;
  #failure: { readonly error: unknown } | undefined;
  #resolve: ((answer: Answer) => void) | undefined;
  #reject: ((error: unknown) => void) | undefined;

  constructor(branches: readonly Branch[], input: unknown, context: RunContext, tagged: boolean) {
    super();
    this.#scope = new Scope(context.scope, context.scope.options);
    this.#context = context.within(this.#scope);
    this.#tagged = tagged;
    this.#open = branches.length;
    this.#lanes = branches.map(
      (branch) => new Lane(branch, input, this.#context.at(branch.name), this),
    );
  }

  pull(): Answer | Promise<Answer> {
    if (!this.#started) {
      this.#started = true;
      for (const lane of this.#lanes) lane.advance();
    }
    if (this.#ready.length > 0) {
      const lane = this.#ready.shift() as Lane;
      const value = this.#ready.shift();
      lane.ahead -= 1;
      lane.advance();
      return { done: false, value: this.#tagged ? { branch: lane.name, value } : value };
    }
    if (this.#failure !== undefined) throw this.#failure.error;
    if (this.#open === 0) return { done: true, value: undefined };
    return new Promise(this.#executor);
  }

  readonly #executor = (
    resolve: (answer: Answer) => void,
    reject: (error: unknown) => void,
  ): void => {
    this.#resolve = resolve;
    this.#reject = reject;
  };

  /** A lane has a chunk: straight to who waits, else into the line. */
  arrived(lane: Lane, value: unknown): void {
    const resolve = this.#resolve;
    if (resolve === undefined) {
      lane.ahead += 1;
      this.#ready.push(lane, value);
      return;
    }
    this.#resolve = undefined;
    resolve({ done: false, value: this.#tagged ? { branch: lane.name, value } : value });
  }

  ended(): void {
    this.#open -= 1;
    if (this.#open === 0) {
      this.#scope.end();
      this.#resolve?.({ done: true, value: undefined });
    }
  }

  failed(error: unknown): void {
    if (this.#failure !== undefined) return;
    this.#failure = { error };
    this.#scope.abort(error);
    if (this.#resolve !== undefined) {
      this.#resolve = undefined;
      this.#reject!(error);
    }
  }

  async close(): Promise<void> {
    this.#scope.abort(
      this.#failure?.error ?? new DOMException("The reader has left", "AbortError"),
    );
    const closed = await Promise.allSettled(this.#lanes.map((lane) => lane.close()));
    const failed = closed.find((outcome) => outcome.status === "rejected");
    if (failed !== undefined && this.#failure === undefined) throw failed.reason;
  }

  /** Nothing to add: a lane names its branch. */
  blame(error: unknown): unknown {
    return error;
  }
}

/** One branch of a merge. */
class Lane {
  readonly name: string;
  readonly #branch: Branch;
  readonly #input: unknown;
  readonly #context: RunContext;
  readonly #merge: MergeSource;
  #source: Source | undefined;
  #begun = false;
  #pulling = false;
  #closed = false;
  /** Chunks of this lane in the line. */
  ahead = 0;

  constructor(branch: Branch, input: unknown, context: RunContext, merge: MergeSource) {
    this.name = branch.name;
    this.#branch = branch;
    this.#input = input;
    this.#context = context;
    this.#merge = merge;
  }

  /** Read on while there is room in the line. */
  advance(): void {
    try {
      while (!this.#closed && !this.#pulling && this.ahead < AHEAD) {
        const answer = this.#begun ? this.#source!.pull() : this.#begin();
        if (answer === undefined) continue;
        if (isThenable(answer)) {
          this.#pulling = true;
          answer.then(this.#onAnswer, this.#onError);
        } else {
          this.#take(answer);
        }
      }
    } catch (error) {
      this.#fail(error);
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#source?.close();
  }

  #begin(): Answer | PromiseLike<Answer> | undefined {
    this.#begun = true;
    const result = this.#branch.run(this.#input, this.#context);
    return isThenable(result) ? result.then((value) => this.#adopt(value)) : this.#adopt(result);
  }

  /** A stream is pulled from now on; anything else is the only chunk. */
  #adopt(result: unknown): Answer | PromiseLike<Answer> {
    const source =
      typeof result === "object" && result !== null
        ? toSource(result, this.name, this.#context.branch)
        : undefined;
    this.#source = source ?? new SingleSource(result);
    if (this.#closed) {
      const closing = this.#source.close();
      const end: Answer = { done: true, value: undefined };
      return isThenable(closing) ? closing.then(() => end) : end;
    }
    return this.#source.pull();
  }

  #take(answer: Answer): void {
    if (this.#closed) return;
    if (answer.done === true) {
      this.#closed = true;
      this.#merge.ended();
    } else {
      this.#merge.arrived(this, answer.value);
    }
  }

  readonly #onAnswer = (answer: Answer): void => {
    this.#pulling = false;
    this.#take(answer);
    this.advance();
  };

  readonly #onError = (error: unknown): void => {
    this.#pulling = false;
    this.#fail(error);
  };

  #fail(error: unknown): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#merge.failed(this.#named(error));
  }

  #named(error: unknown): unknown {
    return this.#source === undefined
      ? this.#context.branch.blame(error, this.name)
      : this.#source.blame(error);
  }
}
