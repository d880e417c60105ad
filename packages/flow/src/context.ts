import { randomUUID } from "node:crypto";
import { blame } from "./errors.ts";
import { endedOf, type Scope } from "./scope.ts";
import type { Trace } from "./trace.ts";

/** What every step gets as its second argument, wherever it stands. */
export interface StepContext {
  /**
   * Aborted when the run, or the branch or attempt this step is part of, is over before its time: its
   * reader left, its caller's signal or its session aborted, a sibling failed, or its `timeout` passed.
   */
  readonly signal: AbortSignal;
  /** Names the run: the one given with the call, or a random UUID. */
  readonly runId: string;
  /** 1 at first, 2 in the first retry of a step, and so on. */
  readonly attempt: number;
}

/** What a step of a flow gets as its second argument. */
export interface Context<Input, Out, Outer = undefined> extends StepContext {
  /** What the flow was called with. */
  readonly input: Input;
  /** What the named steps before this one returned. Streams are not kept, so their names are not here. */
  readonly out: Readonly<Out>;
  /** The context of the flow around this one, where it was made with `nest`. */
  readonly outer: Outer;
}

/** The one context object of an invocation of a flow; its parts share it where they can. */
export class RunContext implements Context<unknown, Record<string, unknown>, unknown> {
  readonly input: unknown;
  readonly out: Record<string, unknown>;
  readonly outer: unknown;
  readonly attempt: number;
  readonly scope: Scope;
  readonly trace: Trace | undefined;
  /** The invocation of a flow whose steps these are. */
  readonly level: object;

  constructor(
    input: unknown,
    out: Record<string, unknown>,
    scope: Scope,
    outer: unknown,
    trace: Trace | undefined,
    attempt = 1,
    level?: object,
  ) {
    this.input = input;
    this.out = out;
    this.scope = scope;
    this.outer = outer;
    this.trace = trace;
    this.attempt = attempt;
    this.level = level ?? this;
  }

  get signal(): AbortSignal {
    return this.scope.signal;
  }

  get runId(): string {
    const { root } = this.scope;
    return (root.runId ??= randomUUID());
  }

  /** The same place in a lifetime of its own. */
  within(scope: Scope, attempt: number = this.attempt): RunContext {
    const { input, out, outer, trace, level } = this;
    return new RunContext(input, out, scope, outer, trace, attempt, level);
  }

  /** The same place, told about under another name. */
  traced(trace: Trace): RunContext {
    const { input, out, scope, outer, attempt, level } = this;
    return new RunContext(input, out, scope, outer, trace, attempt, level);
  }

  /** The same lifetime one name further down; free where nobody traces. */
  at(name: string): RunContext {
    return this.trace === undefined ? this : this.traced(this.trace.at(name));
  }

  /** What this run fails with when the step `name` threw `error`. */
  blame(error: unknown, name: string): unknown {
    return this.#isReason(error) ? error : blame(error, name, this.level);
  }

  /** The same for a branch or round, a name between two steps' names. */
  get branch(): { blame(error: unknown, name: string): unknown } {
    return {
      blame: (error, name) => (this.#isReason(error) ? error : blame(error, name)),
    };
  }

  #isReason(error: unknown): boolean {
    const aborted = endedOf(this.scope);
    return aborted !== undefined && aborted.reason === error;
  }
}
