import type { RunContext } from "./context.ts";
import { EachGroup, EachSource } from "./each.ts";
import { type Answer, Source, toSource } from "./source.ts";
import type { Stage } from "./stage.ts";
import { isThenable } from "./thenable.ts";
import type { Trace } from "./trace.ts";

/** Run a stage of an observed run: tell of its beginning and end, and write down its output. */
export function applyTraced(
  stage: Stage,
  index: number,
  value: unknown,
  context: RunContext,
): unknown {
  if (stage.group !== undefined && value instanceof Source) {
    return eachTraced(stage.group, index, value, context);
  }
  const trace = context.trace!.step(stage.name, index);
  const inner = context.traced(trace);
  const told = trace.tell({ type: "step-started", input: shown(value) });
  const apply = (): unknown => {
    try {
      const result = trace.around(() =>
        value instanceof Source ? stage.apply(value, inner) : stage.direct(value, inner),
      );
      if (!isThenable(result)) return finish(result, stage, trace, inner);
      return result.then(
        (later) => finish(later, stage, trace, inner),
        (error: unknown) => fail(error, trace),
      );
    } catch (error) {
      return fail(error, trace);
    }
  };
  return told === undefined ? apply() : told.then(apply);
}

/** Each of the functions of a group is a step of its own to those who watch. */
function eachTraced(
  group: EachGroup,
  index: number,
  upstream: Source,
  context: RunContext,
): Source {
  let source = upstream;
  for (const [place, step] of group.steps.entries()) {
    const trace = context.trace!.step(step.name, index + place);
    const inner = context.traced(trace);
    void trace.tell({ type: "step-started", input: undefined });
    const run = (chunk: unknown, within: RunContext): unknown =>
      trace.around(() => step.run(chunk, within));
    source = new TracedSource(
      new EachSource(source, new EachGroup([{ name: step.name, run }]), inner),
      trace,
    );
  }
  return source;
}

function finish(result: unknown, stage: Stage, trace: Trace, context: RunContext): unknown {
  const output =
    stage.adopts && typeof result === "object" && result !== null
      ? (toSource(result, stage.name, context) ?? result)
      : result;
  if (output instanceof Source) return new TracedSource(output, trace);
  const ended = (): unknown => {
    const told = trace.tell({ type: "step-ended", output, chunks: undefined });
    return told === undefined ? output : told.then(() => output);
  };
  const { checkpoint } = trace;
  return checkpoint === undefined ? ended() : checkpoint.finished(trace.key, output).then(ended);
}

function fail(error: unknown, trace: Trace): never {
  void trace.tell({ type: "step-failed", error });
  throw error;
}

/** The stream that the run's reader reads. */
export class RunSource extends Source {
  readonly #source: Source;
  readonly #trace: Trace;

  constructor(source: Source, trace: Trace) {
    super();
    this.#source = source;
    this.#trace = trace;
  }

  pull(): Answer | PromiseLike<Answer> {
    const answer = this.#source.pull();
    return isThenable(answer) ? answer.then(this.#tell) : this.#tell(answer);
  }

  readonly #tell = (answer: Answer): Answer | PromiseLike<Answer> => {
    if (answer.done === true) return answer;
    const told = this.#trace.tell({ type: "run-chunk", chunk: answer.value });
    return told === undefined ? answer : told.then(() => answer);
  };

  close(): unknown {
    return this.#source.close();
  }

  blame(error: unknown): unknown {
    return this.#source.blame(error);
  }
}

function shown(value: unknown): unknown {
  return value instanceof Source ? undefined : value;
}

/** A stream whose chunks and end are told. */
class TracedSource extends Source {
  readonly #source: Source;
  readonly #trace: Trace;
  #chunks = 0;
  #over = false;

  constructor(source: Source, trace: Trace) {
    super();
    this.#source = source;
    this.#trace = trace;
  }

  pull(): Answer | PromiseLike<Answer> {
    try {
      const answer = this.#trace.around(() => this.#source.pull());
      return isThenable(answer)
        ? answer.then(this.#onAnswer, this.#onError)
        : this.#onAnswer(answer);
    } catch (error) {
      return this.#onError(error);
    }
  }

  readonly #onAnswer = (answer: Answer): Answer | PromiseLike<Answer> => {
    let told: PromiseLike<unknown> | undefined;
    if (answer.done === true) {
      told = this.#ended();
    } else {
      this.#chunks += 1;
      told = this.#trace.tell({ type: "step-chunk", chunk: answer.value });
    }
    return told === undefined ? answer : told.then(() => answer);
  };

  readonly #onError = (error: unknown): never => {
    if (!this.#over) {
      this.#over = true;
      void this.#trace.tell({ type: "step-failed", error: this.#source.blame(error) });
    }
    throw error;
  };

  #ended(): PromiseLike<unknown> | undefined {
    if (this.#over) return undefined;
    this.#over = true;
    return this.#trace.tell({ type: "step-ended", output: undefined, chunks: this.#chunks });
  }

  close(): unknown {
    const closing = this.#trace.around(() => this.#source.close());
    if (!isThenable(closing)) return this.#ended();
    return closing.then(() => this.#ended());
  }

  blame(error: unknown): unknown {
    return this.#source.blame(error);
  }
}
