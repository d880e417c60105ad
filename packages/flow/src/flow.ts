import { asStep, functionOf } from "./as-step.ts";
import { hasAttempts, withAttempts } from "./attempts.ts";
import { checkConcurrency } from "./branches.ts";
import { Checkpoint } from "./checkpoint.ts";
import type { RunContext } from "./context.ts";
import type { EachOptions } from "./policy.ts";
import type { FlowEvent } from "./events.ts";
import { type HookSet, type Hooks, hookSet, type UseOptions } from "./hooks.ts";
import { links, mermaid } from "./mermaid.ts";
import { Plan } from "./plan.ts";
import type { CallOptions, RunOptions } from "./run-options.ts";
import type { Link } from "./stage.ts";
import type { Stream } from "./stream.ts";
import { type EventsOptions, watch } from "./watch.ts";
import type { ValueFlow } from "./value-flow.ts";

/** A flow that takes an `Input` and, with no steps yet, gives it back. The name stands first in error paths. */
export function flow<Input = void>(name = "flow"): ValueFlow<Input, Input, unknown, never, "sync"> {
  return new Flow(name, []) as unknown as ValueFlow<Input, Input, unknown, never, "sync">;
}

/** Both kinds of flow at run time; their types are the interfaces. */
class Flow {
  readonly name: string;
  readonly #links: readonly Link[];
  readonly #hooks: readonly HookSet[];
  #plan: Plan | undefined;

  constructor(name: string, chain: readonly Link[], hooks: readonly HookSet[] = []) {
    this.name = name;
    this.#links = chain;
    this.#hooks = hooks;
  }

  step(...parameters: unknown[]): Flow {
    return this.#add("step", parameters);
  }

  each(...parameters: unknown[]): Flow {
    return this.#add("each", parameters);
  }

  through(...parameters: unknown[]): Flow {
    return this.#add("through", parameters);
  }

  tap(...parameters: unknown[]): Flow {
    return this.#add("tap", parameters);
  }

  collect(...parameters: unknown[]): Flow {
    const last = parameters.at(-1);
    const given =
      typeof last === "string" || last === undefined ? [...parameters, all] : parameters;
    return this.#add("collect", given);
  }

  nest(name: string, build: (inner: Flow) => unknown): Flow {
    if (typeof build !== "function") functionOf(build, `${this.name}.nest`);
    return this.#add("step", [name, build(new Flow(name, []))]);
  }

  call(input: unknown, options?: CallOptions): unknown {
    return this.#compiled.call(input, options);
  }

  stream(input: unknown, options?: CallOptions): Stream<unknown> {
    return this.#compiled.stream(input, options);
  }

  async run(input: unknown, options: RunOptions = {}): Promise<unknown> {
    const { checkpoint, runId } = options;
    if (checkpoint === undefined) return this.#compiled.call(input, options);
    if (runId === undefined) {
      throw new TypeError(`${this.name}.run: a checkpoint needs a runId, to find the run again.`);
    }
    const steps = this.#links.map(({ kind, name }) => `${kind} ${name}`);
    const loaded = await Checkpoint.load(checkpoint, runId, steps);
    return this.#compiled.call(input, options, loaded);
  }

  events(input: unknown, options?: EventsOptions): Stream<FlowEvent> {
    return watch(this.#compiled, input, options);
  }

  use(hooks: Hooks, options: UseOptions = {}): Flow {
    const added = hookSet(hooks, options, `${this.name}.use`);
    return new Flow(this.name, this.#links, [...this.#hooks, added]);
  }

  toMermaid(): string {
    return mermaid(this.name, this.#links);
  }

  /** For drawing it inside another flow. */
  get [links](): readonly Link[] {
    return this.#links;
  }

  [asStep](input: unknown, context: RunContext): unknown {
    return this.#compiled.inside(input, context);
  }

  get #compiled(): Plan {
    this.#plan ??= new Plan(this.name, this.#links, this.#hooks);
    return this.#plan;
  }

  #add(kind: Link["kind"], parameters: readonly unknown[]): Flow {
    const named = typeof parameters[0] === "string";
    const where = `${this.name}.${kind}`;
    const [step, options = {}] = parameters.slice(named ? 1 : 0) as [unknown, Options?];
    const { run, name: own } = functionOf(step, where);
    const name = named ? (parameters[0] as string) : own || `${kind}#${this.#links.length}`;
    if (named && this.#links.some((link) => link.named && link.name === name)) {
      throw new TypeError(
        `${where}: there is a step named "${name}" already; its output would be lost.`,
      );
    }
    const link = {
      kind,
      name,
      named,
      step,
      run: hasAttempts(options)
        ? withAttempts(
            run as (value: unknown, context: RunContext) => unknown,
            name,
            options,
            where,
            kind === "step",
          )
        : run,
      concurrency: checkConcurrency(options.concurrency ?? 1, where),
    };
    return new Flow(this.name, [...this.#links, link], this.#hooks);
  }
}

type Options = EachOptions<unknown, RunContext, unknown>;

function all(chunks: unknown): unknown {
  return chunks;
}
