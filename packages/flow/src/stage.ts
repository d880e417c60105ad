import type { RunContext } from "./context.ts";
import { ConcurrentEachSource } from "./concurrent-each.ts";
import { drain } from "./drain.ts";
import { type ChunkStep, EachGroup, EachSource } from "./each.ts";
import { FlowError } from "./errors.ts";
import { Reader } from "./reader.ts";
import { Source, toSource } from "./source.ts";
import { Stream } from "./stream.ts";
import { isThenable } from "./thenable.ts";

/** One link of a chain as it was declared. */
export interface Link {
  readonly kind: "step" | "tap" | "each" | "through" | "collect";
  readonly name: string;
  /** Whether the caller gave the name: only then its output is kept for `ctx.out`. */
  readonly named: boolean;
  readonly run: (value: never, context: RunContext) => unknown;
  /** What was given as the step, for drawing. */
  readonly step: unknown;
  /** For `each`: how many chunks may be under way at once. */
  readonly concurrency: number;
}

/** One link, or several neighbouring `each`, as it is run. */
export interface Stage {
  readonly name: string;
  /** Keep the output under this stage's name. */
  readonly records: boolean;
  /** Whether what it returns may be a stream that is not a {@link Source} of this run yet. */
  readonly adopts: boolean;
  /** Apply it to a stream. */
  readonly apply: (source: Source, context: RunContext) => unknown;
  /** Apply it to a value. */
  readonly direct: (value: unknown, context: RunContext) => unknown;
  readonly group?: EachGroup;
}

/** Turn links into stages, putting neighbouring `each` together. */
export function compile(links: readonly Link[]): Stage[] {
  const stages: Stage[] = [];
  let steps: ChunkStep[] = [];
  const flush = (): void => {
    if (steps.length > 0) stages.push(eachStage(new EachGroup(steps)));
    steps = [];
  };
  for (const link of links) {
    const { kind, name, concurrency } = link;
    const run = link.run as ChunkStep["run"];
    if (kind === "each" && concurrency === 1) {
      steps.push({ name, run });
      continue;
    }
    flush();
    if (kind === "each") stages.push(concurrentStage({ name, run }, concurrency));
    else if (kind === "through") stages.push(throughStage(link, run));
    else if (kind === "collect") stages.push(collectStage(link, run));
    else if (kind === "tap") stages.push(tapStage(link, run));
    else stages.push(stepStage(link, run));
  }
  flush();
  return stages;
}

function stepStage({ name, named }: Link, run: ChunkStep["run"]): Stage {
  return {
    name,
    records: named,
    adopts: true,
    apply: (source, context) => run(streamInside(source, context), context),
    direct: run,
  };
}

/** A tap sees what passes, a value or each chunk, and leaves it as it is. */
function tapStage({ name }: Link, run: ChunkStep["run"]): Stage {
  const look: ChunkStep["run"] = (value, context) => {
    const answer = run(value, context);
    return isThenable(answer) ? answer.then(() => value) : value;
  };
  const group = new EachGroup([{ name, run: look }]);
  return {
    name,
    records: false,
    adopts: false,
    apply: (source, context) => new EachSource(source, group, context),
    direct: look,
  };
}

function eachStage(group: EachGroup): Stage {
  const { name } = group.steps[0]!;
  return {
    name,
    records: false,
    adopts: false,
    group,
    apply: (source, context) => new EachSource(source, group, context),
    direct: noStream("each"),
  };
}

function concurrentStage(step: ChunkStep, concurrency: number): Stage {
  return {
    name: step.name,
    records: false,
    adopts: false,
    apply: (source, context) => new ConcurrentEachSource(source, step, concurrency, context),
    direct: noStream("each"),
  };
}

function throughStage({ name }: Link, run: ChunkStep["run"]): Stage {
  return {
    name,
    records: false,
    adopts: false,
    direct: noStream("through"),
    apply(upper, context) {
      const upstream = readerInside(upper, context);
      const made = run(new Stream(upstream), context);
      const source =
        typeof made === "object" && made !== null ? toSource(made, name, context) : undefined;
      if (source === undefined) {
        throw new FlowError(
          "NOT_A_STREAM",
          "through() takes a function that returns a stream, such as an async generator.",
        );
      }
      return new ThroughSource(source, upstream);
    },
  };
}

function collectStage({ name, named }: Link, run: ChunkStep["run"]): Stage {
  return {
    name,
    records: named,
    adopts: false,
    direct: noStream("collect"),
    apply(source, context) {
      const chunks = drain(source, context);
      return isThenable(chunks) ? chunks.then((all) => run(all, context)) : run(chunks, context);
    },
  };
}

/** A stage that is for streams, applied to a value. */
function noStream(method: string): Stage["direct"] {
  return (value) => {
    throw new FlowError(
      "NOT_A_STREAM",
      `${method}() follows a step that returned no stream but ${value === null ? "null" : typeof value}. Return a generator, an async iterable or a ReadableStream, or use step().`,
    );
  };
}

/** A source for a step's own code to read. */
function readerInside(source: Source, context: RunContext): Reader {
  return new Reader(
    { open: () => source, discard: () => source.close(), tail: undefined, fail: (error) => error },
    context,
    undefined,
  );
}

function streamInside(source: Source, context: RunContext): Stream<unknown> {
  return new Stream(readerInside(source, context));
}

/** A generator that reads another stream; closing it closes both, even if it was never started. */
class ThroughSource extends Source {
  readonly #source: Source;
  readonly #upstream: Reader;

  constructor(source: Source, upstream: Reader) {
    super();
    this.#source = source;
    this.#upstream = upstream;
  }

  pull(): ReturnType<Source["pull"]> {
    return this.#source.pull();
  }

  async close(): Promise<void> {
    try {
      await this.#source.close();
    } finally {
      await this.#upstream.return();
    }
  }

  blame(error: unknown): unknown {
    return this.#source.blame(error);
  }
}
