import { types } from "node:util";
import { capture } from "./binding.ts";
import { RunContext } from "./context.ts";
import { drain, quietly } from "./drain.ts";
import type { EachGroup } from "./each.ts";
import { blame, FlowError } from "./errors.ts";
import { Reader, type Readout } from "./reader.ts";
import type { CallOptions } from "./run-options.ts";
import { endedOf, Scope } from "./scope.ts";
import { Settlement, type Settling } from "./settlement.ts";
import { Source, toSource } from "./source.ts";
import { compile, type Link, type Stage } from "./stage.ts";
import { Stream } from "./stream.ts";
import { isThenable } from "./thenable.ts";

/** A chain of steps, put together once and run as often as wanted. */
export class Plan implements Readout {
  readonly name: string;
  readonly links: readonly Link[];
  readonly #stages: readonly Stage[];
  readonly #records: boolean;
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

  constructor(name: string, links: readonly Link[]) {
    this.name = name;
    this.links = links;
    this.#stages = compile(links);
    this.#records = this.#stages.some(({ records }) => records);
    this.#waits = links.some(mustWait);
    this.tail = this.#stages.at(-1)?.group;
  }

  /** Run to the end. A flow that ends in a stream gives all its chunks. */
  call(input: unknown, options: CallOptions | undefined): unknown {
    return this.#start(input, options, this.#called);
  }

  /** Run as one call of a combinator: like `call`, but a stream stays one. */
  start(input: unknown): unknown {
    return this.#start(input, undefined, this.#started);
  }

  /** A stream of what it gives; nothing runs before it is read. */
  stream(input: unknown, options: CallOptions | undefined): Stream<unknown> {
    return new Stream(new Reader(this, this.#begin(input, options), capture()));
  }

  /** Run as a step of another flow: a value, a promise of one, or a {@link Source}. */
  inside(input: unknown, outer: RunContext): unknown {
    const { scope, trace } = outer;
    const context = new RunContext(input, this.#out(), scope, outer, trace);
    return this.#run(input, context, this.#stages.length);
  }

  open(context: RunContext): unknown {
    const { input } = context;
    if (this.tail === undefined) return this.#run(input, context, this.#stages.length);
    const opened = this.#run(input, context, this.#stages.length - 1);
    return isThenable(opened) ? opened.then(mustStream) : mustStream(opened);
  }

  fail(error: unknown, { scope }: RunContext): unknown {
    const aborted = endedOf(scope);
    if (aborted !== undefined) return aborted.reason;
    // A combinator called alone is a plan of one step with the same name.
    const named =
      error instanceof FlowError && error.path[0] === this.name && this.links.length === 1;
    return named ? error : blame(error, this.name);
  }

  #start(input: unknown, options: CallOptions | undefined, settling: Settling): unknown {
    const context = this.#begin(input, options);
    const signal = options?.signal;
    try {
      if (signal !== undefined) signal.throwIfAborted();
      const result = this.#run(input, context, this.#stages.length, settling);
      if (!(result instanceof Source)) return result;
      const finished = settling.finish(result, context);
      if (!isThenable(finished)) return finished;
      const settlement = new Settlement(settling, context);
      finished.then(
        (value) => settlement.done(value),
        (error: unknown) => settlement.failed(error),
      );
      return settlement.promise;
    } catch (error) {
      const failure =
        signal?.aborted === true ? (signal.reason as unknown) : this.fail(error, context);
      if (this.#waits) return Promise.reject(failure);
      throw failure;
    }
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

  #begin(input: unknown, options: CallOptions | undefined): RunContext {
    const scope = new Scope(undefined, options);
    if (options?.runId !== undefined) scope.runId = options.runId;
    return new RunContext(input, this.#out(), scope, undefined, undefined);
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
    let value = input;
    let streaming = false;
    for (let index = 0; index < end; index += 1) {
      const stage = stages[index]!;
      let result: unknown;
      try {
        result = streaming ? stage.apply(value as Source, context) : stage.direct(value, context);
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

  /** The same from the first promise on. */
  async #runOn(
    first: PromiseLike<unknown>,
    context: RunContext,
    from: number,
    end: number,
    settlement?: Settlement,
  ): Promise<unknown> {
    const stages = this.#stages;
    const { scope } = context;
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
        value = streaming ? next.apply(value as Source, context) : next.direct(value, context);
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
