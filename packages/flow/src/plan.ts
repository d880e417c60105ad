import { randomUUID } from "node:crypto";
import { types } from "node:util";
import { capture } from "./binding.ts";
import type { Checkpoint } from "./checkpoint.ts";
import { RunContext } from "./context.ts";
import { drain, quietly } from "./drain.ts";
import type { EachGroup } from "./each.ts";
import { blame, FlowError } from "./errors.ts";
import type { HookSet } from "./hooks.ts";
import { Reader, type Readout } from "./reader.ts";
import type { CallOptions } from "./run-options.ts";
import { endedOf, Scope } from "./scope.ts";
import { Settlement, type Settling } from "./settlement.ts";
import { Source, toSource } from "./source.ts";
import { compile, type Link, type Stage } from "./stage.ts";
import { Stream } from "./stream.ts";
import { isThenable } from "./thenable.ts";
import { channel, Trace } from "./trace.ts";
import { applyTraced, RunSource } from "./traced.ts";

/** A chain of steps, put together once and run as often as wanted. */
export class Plan implements Readout {
  readonly name: string;
  readonly links: readonly Link[];
  readonly #stages: readonly Stage[];
  readonly #records: boolean;
  readonly #hooks: readonly HookSet[];
  /** Whether some step makes it answer with a promise: what is known, or was seen in an earlier run. */
  #waits: boolean;
  /** The `each` steps at the very end: a stream's reader applies them. */
  readonly tail: EachGroup | undefined;
  /** A call's end: all chunks of a stream. */
  readonly #called: Settling = { finish: drain, fail: (...end) => this.fail(...end) };
  /** The end of a call of a combinator: a stream stays one. */
  readonly #started: Settling = {
    finish: (source, context) => this.#streamed(source, context),
    fail: (...end) => this.fail(...end),
  };

  constructor(name: string, links: readonly Link[], hooks: readonly HookSet[] = []) {
    this.name = name;
    this.links = links;
    this.#hooks = hooks;
    this.#stages = compile(links);
    this.#records = this.#stages.some(({ records }) => records);
    this.#waits = links.some(mustWait);
    this.tail = this.#stages.at(-1)?.group;
  }

  /** Run to the end. A flow that ends in a stream gives all its chunks. */
  call(input: unknown, options: CallOptions | undefined, checkpoint?: Checkpoint): unknown {
    return this.#start(this.#begin(input, options, noHooks, checkpoint), this.#called);
  }

  /** Run as one call of a combinator: like `call`, but a stream stays one. */
  start(input: unknown): unknown {
    return this.#start(this.#begin(input, undefined, noHooks), this.#started);
  }

  /** A stream of what it gives; nothing runs before it is read. */
  stream(
    input: unknown,
    options: CallOptions | undefined,
    hooks: readonly HookSet[] = noHooks,
  ): Stream<unknown> {
    const context = this.#begin(input, options, hooks);
    const readout = context.trace === undefined ? this : this.#observed(context.trace);
    return new Stream(new Reader(readout, context, capture()));
  }

  /** Run as a step of another flow: a value, a promise of one, or a {@link Source}. */
  inside(input: unknown, outer: RunContext): unknown {
    let { trace } = outer;
    if (this.#hooks.length > 0) {
      trace ??= Trace.ofRun({ id: outer.runId, flow: this.name }, noHooks);
      trace = trace.with(this.#hooks);
    }
    const context = new RunContext(input, this.#out(), outer.scope, outer, trace);
    return this.#run(input, context, this.#stages.length);
  }

  open(context: RunContext): unknown {
    const { input } = context;
    if (this.tail === undefined) return this.#run(input, context, this.#stages.length);
    const opened = this.#run(input, context, this.#stages.length - 1);
    return isThenable(opened) ? opened.then(mustStream) : mustStream(opened);
  }

  fail(error: unknown, { scope }: RunContext, leaving = false): unknown {
    const aborted = leaving ? undefined : endedOf(scope);
    if (aborted !== undefined) return aborted.reason;
    // A combinator called alone is a plan of one step with the same name.
    const named =
      error instanceof FlowError && error.path[0] === this.name && this.links.length === 1;
    return named ? error : blame(error, this.name);
  }

  #start(context: RunContext, settling: Settling): unknown {
    const { input, scope, trace } = context;
    const signal = scope.options?.signal;
    try {
      signal?.throwIfAborted();
      const told = trace?.tell({ type: "run-started", input });
      if (told !== undefined) return this.#later(told, context, settling);
      const result = this.#run(input, context, this.#stages.length, settling);
      if (!(result instanceof Source)) {
        // A promise is a settlement's, which tells of the end itself.
        if (trace === undefined || isThenable(result)) return result;
        const ended = trace.tell({ type: "run-ended", output: result });
        return ended === undefined ? result : ended.then(() => result);
      }
      const finished = settling.finish(result, context);
      if (!isThenable(finished)) {
        void trace?.tell({ type: "run-ended", output: finished });
        return finished;
      }
      return this.#later(finished, context, settling, true);
    } catch (error) {
      const failure =
        signal?.aborted === true ? (signal.reason as unknown) : this.fail(error, context);
      void trace?.tell({ type: "run-failed", error: failure });
      if (this.#waits) return Promise.reject(failure);
      throw failure;
    }
  }

  /** Settle a run with a promise: of its result, or of the moment at which it may begin. */
  #later(
    pending: PromiseLike<unknown>,
    context: RunContext,
    settling: Settling,
    finished = false,
  ): Promise<unknown> {
    this.#waits = true;
    const settlement = new Settlement(settling, context);
    const ready = finished
      ? pending
      : pending.then(() => this.#run(context.input, context, this.#stages.length));
    ready.then(
      (value) => settlement.done(value),
      (error: unknown) => settlement.failed(error),
    );
    return settlement.promise;
  }

  /** The same as a stream, with those told who watch. */
  #observed(trace: Trace): Readout {
    let output: unknown;
    const opened = (result: unknown): unknown => {
      if (result instanceof Source) return new RunSource(result, trace);
      output = result;
      return result;
    };
    const run = (context: RunContext): unknown => {
      const result = this.#run(context.input, context, this.#stages.length);
      return isThenable(result) ? result.then(opened) : opened(result);
    };
    return {
      tail: undefined,
      fail: (...end) => this.fail(...end),
      open(context) {
        const told = trace.tell({ type: "run-started", input: context.input });
        return told === undefined ? run(context) : told.then(() => run(context));
      },
      ended(_context, outcome) {
        if (outcome.status === "ended") void trace.tell({ type: "run-ended", output });
        else if (outcome.status === "failed") {
          void trace.tell({ type: "run-failed", error: outcome.error });
        } else void trace.tell({ type: "run-aborted", reason: outcome.reason });
      },
    };
  }

  #streamed(value: Source, context: RunContext): Stream<unknown> {
    const readout = {
      open: () => value,
      discard: () => value.close(),
      tail: undefined,
      fail: (error: unknown) => this.fail(error, context),
    };
    return new Stream(new Reader(readout, context, capture()));
  }

  #begin(
    input: unknown,
    options: CallOptions | undefined,
    hooks: readonly HookSet[],
    checkpoint?: Checkpoint,
  ): RunContext {
    const scope = new Scope(undefined, options);
    if (options?.runId !== undefined) scope.runId = options.runId;
    const watched =
      this.#hooks.length > 0 ||
      hooks.length > 0 ||
      checkpoint !== undefined ||
      channel.hasSubscribers;
    const trace = watched ? this.#trace(scope, hooks, checkpoint) : undefined;
    return new RunContext(input, this.#out(), scope, undefined, trace);
  }

  #trace(scope: Scope, hooks: readonly HookSet[], checkpoint: Checkpoint | undefined): Trace {
    scope.runId ??= randomUUID();
    const run = Object.freeze({ id: scope.runId, flow: this.name });
    return Trace.ofRun(run, [...this.#hooks, ...hooks], checkpoint);
  }

  #out(): Record<string, unknown> {
    return this.#records ? {} : nothing;
  }

  /**
   * Stage after stage, without a promise up to the first that waits. From there on: with `settling`, a
   * promise that settles the run, else one of the value or source.
   */
  #run(input: unknown, context: RunContext, end: number, settling?: Settling): unknown {
    const stages = this.#stages;
    const { trace } = context;
    let value = input;
    let streaming = false;
    let index = 0;
    if (trace?.checkpoint !== undefined) {
      index = this.#restore(trace.checkpoint, trace, context, end);
      if (index > 0) value = trace.checkpoint.get(trace.keyOf(stages[index - 1]!.name, index - 1));
    }
    for (; index < end; index += 1) {
      const stage = stages[index]!;
      let result: unknown;
      try {
        if (trace !== undefined) result = applyTraced(stage, index, value, context);
        else if (streaming) result = stage.apply(value as Source, context);
        else result = stage.direct(value, context);
      } catch (error) {
        throw context.blame(error, stage.name);
      }
      if (typeof result === "object" && result !== null) {
        if (isThenable(result)) {
          if (settling === undefined) return this.#runOn(result, context, index, end);
          this.#waits = true;
          const settlement = new Settlement(settling, context);
          void this.#runOn(result, context, index, end, settlement);
          return settlement.promise;
        }
        result = adopt(result, stage, context);
        streaming = result instanceof Source;
      } else {
        streaming = false;
      }
      if (stage.records && !streaming) context.out[stage.name] = result;
      value = result;
    }
    return value;
  }

  /** Take outputs that a checkpoint has, and say after how many stages to go on. */
  #restore(checkpoint: Checkpoint, trace: Trace, context: RunContext, end: number): number {
    const stages = this.#stages;
    const keys = stages.map(({ name }, index) => trace.keyOf(name, index));
    let last = end;
    while (last > 0 && !checkpoint.has(keys[last - 1]!)) last -= 1;
    for (let index = 0; index < last; index += 1) {
      const key = keys[index]!;
      if (!checkpoint.has(key)) continue;
      const { name, records } = stages[index]!;
      const output = checkpoint.get(key);
      if (records) context.out[name] = output;
      void trace.step(name, index).tell({ type: "step-restored", output });
    }
    return last;
  }

  /** The same from the first promise on. */
  async #runOn(
    first: PromiseLike<unknown>,
    context: RunContext,
    from: number,
    end: number,
    settlement?: Settlement,
  ): Promise<unknown> {
    const stages = this.#stages;
    const { scope, trace } = context;
    let index = from;
    try {
      let value: unknown = await first;
      for (;;) {
        const stage = stages[index]!;
        let streaming = false;
        if (typeof value === "object" && value !== null) {
          value = adopt(value, stage, context);
          streaming = value instanceof Source;
        }
        if (stage.records && !streaming) context.out[stage.name] = value;
        if (index + 1 === end) break;
        const aborted = endedOf(scope);
        if (aborted !== undefined) {
          if (value instanceof Source) void quietly(value);
          throw aborted.reason;
        }
        index += 1;
        const next = stages[index]!;
        if (trace !== undefined) value = applyTraced(next, index, value, context);
        else if (streaming) value = next.apply(value as Source, context);
        else value = next.direct(value, context);
        if (isThenable(value)) value = await value;
      }
      if (settlement === undefined) return value;
      settlement.done(value);
    } catch (error) {
      const failure = context.blame(error, stages[index]!.name);
      if (settlement === undefined) throw failure;
      settlement.failed(failure);
    }
    return undefined;
  }
}

const noHooks: readonly HookSet[] = [];
const nothing: Record<string, unknown> = Object.freeze({});

function adopt(value: object, { name, adopts }: Stage, context: RunContext): unknown {
  return (adopts ? toSource(value, name, context) : undefined) ?? value;
}

/** Whether a link surely answers with a promise; a plain function that does is noticed when it has run. */
function mustWait({ kind, run, concurrency }: Link): boolean {
  return kind === "through" || concurrency > 1 || types.isAsyncFunction(run);
}

function mustStream(opened: unknown): unknown {
  if (opened instanceof Source) return opened;
  throw new FlowError(
    "NOT_A_STREAM",
    "each() follows a step that returned no stream. Return a generator, an async iterable or a ReadableStream, or use step().",
  );
}
