import diagnostics from "node:diagnostics_channel";
import type { Checkpoint } from "./checkpoint.ts";
import type { FlowEvent, FlowEventOf, RunInfo } from "./events.ts";
import { type HookSet, type Hooks, warn } from "./hooks.ts";
import { isThenable } from "./thenable.ts";

type Happened<E> = E extends FlowEvent
  ? Omit<E, "run" | "path" | "step" | "parent" | "time">
  : never;

/** Every event of every run goes here, if somebody listens: `lazy:flow:event`. */
export const channel: diagnostics.Channel = diagnostics.channel("lazy:flow:event");

/** What all steps of an observed run share. */
interface Observed {
  readonly run: RunInfo;
  readonly checkpoint: Checkpoint | undefined;
  steps: number;
}

/** A place in an observed run, and who wants to know what happens there. */
export class Trace {
  readonly #observed: Observed;
  readonly #hooks: readonly HookSet[];
  readonly #step: number;
  readonly #parent: number;
  /** Names this place among all of the run's, whatever the steps are called. */
  readonly key: string;
  readonly path: readonly string[];
  /** Said when the step began; what `around` hooks know it by. */
  #started: FlowEventOf<"step-started"> | undefined;

  constructor(
    observed: Observed,
    hooks: readonly HookSet[],
    path: readonly string[],
    key: string,
    step: number,
    parent: number,
  ) {
    this.#observed = observed;
    this.#hooks = hooks;
    this.path = path;
    this.key = key;
    this.#step = step;
    this.#parent = parent;
  }

  static ofRun(run: RunInfo, hooks: readonly HookSet[], checkpoint?: Checkpoint): Trace {
    return new Trace({ run, checkpoint, steps: 0 }, hooks, [], "", 0, 0);
  }

  get checkpoint(): Checkpoint | undefined {
    return this.#observed.checkpoint;
  }

  /** The same step, one name further down: a branch or round. */
  at(name: string): Trace {
    const key = `${this.key}/${name}`;
    return new Trace(
      this.#observed,
      this.#hooks,
      [...this.path, name],
      key,
      this.#step,
      this.#parent,
    );
  }

  /** The key that a step below this one has. */
  keyOf(name: string, index: number): string {
    return `${this.key}/${index}:${name}`;
  }

  /** A step of its own below this one. */
  step(name: string, index: number): Trace {
    const observed = this.#observed;
    observed.steps += 1;
    const key = this.keyOf(name, index);
    return new Trace(observed, this.#hooks, [...this.path, name], key, observed.steps, this.#step);
  }

  /** With the hooks of a flow inside. */
  with(hooks: readonly HookSet[]): Trace {
    const { path, key } = this;
    return new Trace(
      this.#observed,
      [...this.#hooks, ...hooks],
      path,
      key,
      this.#step,
      this.#parent,
    );
  }

  /**
   * Tell the hooks. Undefined when they are done; else a promise to wait for before going on, which rejects
   * with the error of a hook that raises.
   */
  tell(happened: Happened<FlowEvent>): PromiseLike<unknown> | undefined {
    const event = {
      ...happened,
      run: this.#observed.run,
      path: this.path,
      step: this.#step,
      parent: this.#parent,
      time: Date.now(),
    } as FlowEvent;
    if (event.type === "step-started") this.#started = event;
    if (channel.hasSubscribers) channel.publish(event);
    let waiting: PromiseLike<unknown>[] | undefined;
    for (const { hooks, raise } of this.#hooks) {
      for (const hook of [hooks[event.type], hooks.event] as (Hooks["event"] | undefined)[]) {
        if (hook === undefined) continue;
        try {
          const answer = hook(event);
          if (!isThenable(answer)) continue;
          if (raise) (waiting ??= []).push(answer);
          else answer.then(undefined, warn);
        } catch (error) {
          if (raise) throw error;
          warn(error);
        }
      }
    }
    return waiting === undefined ? undefined : Promise.all(waiting);
  }

  /** Enter a step's own code. */
  around<R>(call: () => R): R {
    const started = this.#started;
    if (started === undefined) return call();
    let entered = call;
    for (const { hooks } of this.#hooks) {
      const { around } = hooks;
      if (around === undefined) continue;
      const inner = entered;
      entered = () => around(started, inner);
    }
    return entered();
  }
}
