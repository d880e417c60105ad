import type { RunContext } from "./context.ts";
import { type Answer, Source } from "./source.ts";
import { isThenable } from "./thenable.ts";

/** A function of a chunk, and what it is called in errors. */
export interface ChunkStep {
  readonly name: string;
  readonly run: (chunk: unknown, context: RunContext) => unknown;
}

/** Neighbouring `each` steps, run on a chunk in one go: no promise between them. */
export class EachGroup {
  readonly #steps: readonly ChunkStep[];
  readonly #functions: readonly ChunkStep["run"][];

  constructor(steps: readonly ChunkStep[]) {
    this.#steps = steps;
    this.#functions = steps.map(({ run }) => run);
  }

  get steps(): readonly ChunkStep[] {
    return this.#steps;
  }

  /** The chunk after all steps, or a promise of it from the first step on that returns one. */
  apply(chunk: unknown, context: RunContext, from = 0): unknown {
    const functions = this.#functions;
    let index = from;
    try {
      for (let value = chunk; ; index += 1) {
        if (index === functions.length) return value;
        value = functions[index]!(value, context);
        if (typeof value === "object" && value !== null && isThenable(value)) {
          return this.#resume(value, index, context);
        }
      }
    } catch (error) {
      throw context.blame(error, this.#steps[index]!.name);
    }
  }

  async #resume(
    pending: PromiseLike<unknown>,
    index: number,
    context: RunContext,
  ): Promise<unknown> {
    let value: unknown;
    try {
      value = await pending;
    } catch (error) {
      throw context.blame(error, this.#steps[index]!.name);
    }
    return index + 1 < this.#functions.length ? this.apply(value, context, index + 1) : value;
  }
}

/** A stream with an each group applied, inside a run. (At its end the reader applies the group itself.) */
export class EachSource extends Source {
  readonly #upstream: Source;
  readonly #group: EachGroup;
  readonly #context: RunContext;

  constructor(upstream: Source, group: EachGroup, context: RunContext) {
    super();
    this.#upstream = upstream;
    this.#group = group;
    this.#context = context;
  }

  pull(): Answer | PromiseLike<Answer> {
    let answer: Answer | PromiseLike<Answer>;
    try {
      answer = this.#upstream.pull();
    } catch (error) {
      throw this.#upstream.blame(error);
    }
    return isThenable(answer) ? answer.then(this.#onAnswer, this.#onError) : this.#onAnswer(answer);
  }

  readonly #onAnswer = (answer: Answer): Answer | PromiseLike<Answer> => {
    if (answer.done === true) return answer;
    const value = this.#group.apply(answer.value, this.#context);
    return isThenable(value) ? value.then(toAnswer) : { done: false, value };
  };

  readonly #onError = (error: unknown): never => {
    throw this.#upstream.blame(error);
  };

  close(): unknown {
    return this.#upstream.close();
  }

  /** Nothing to add: `pull` has named the step. */
  blame(error: unknown): unknown {
    return error;
  }
}

function toAnswer(value: unknown): Answer {
  return { done: false, value };
}
