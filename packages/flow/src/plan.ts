import { sessionSignal, capture } from "./binding.ts";
import { RunContext } from "./context.ts";
import { drain, quietly } from "./drain.ts";
import type { EachGroup } from "./each.ts";
import { blame, FlowError } from "./errors.ts";
import { Reader, type Readout } from "./reader.ts";
import type { CallOptions } from "./run-options.ts";
import { Scope } from "./scope.ts";
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
  /** The `each` steps at the very end: a stream's reader applies them. */
  readonly tail: EachGroup | undefined;

  constructor(name: string, links: readonly Link[]) {
    this.name = name;
    this.links = links;
    this.#stages = compile(links);
    this.#records = this.#stages.some(({ records }) => records);
    this.tail = this.#stages.at(-1)?.group;
  }

  /** Run to the end. A flow that ends in a stream gives all its chunks. */
  call(input: unknown, options: CallOptions | undefined): unknown {
    const context = this.#begin(input, options);
    const { scope } = context;
    try {
      if (scope.aborted) throw scope.reason;
      const result = this.#finish(this.#run(input, context, 0, this.#stages.length), context);
      if (isThenable(result)) return this.#settle(result, context);
      scope.end();
      return result;
    } catch (error) {
      scope.end();
      throw this.fail(error, context);
    }
  }

  /** A stream of what it gives; nothing runs before it is read. */
  stream(input: unknown, options: CallOptions | undefined): Stream<unknown> {
    return new Stream(new Reader(this, this.#begin(input, options), capture()));
  }

  /** Run as one call of a combinator: like `call`, but a stream stays one. */
  start(input: unknown): unknown {
    const context = this.#begin(input, undefined);
    const { scope } = context;
    try {
      const result = this.#run(input, context, 0, this.#stages.length);
      const given = isThenable(result) ? this.#settle(result, context) : result;
      if (isThenable(given)) return given.then((value) => this.#streamed(value, context));
      scope.end();
      return this.#streamed(given, context);
    } catch (error) {
      scope.end();
      throw this.fail(error, context);
    }
  }

  #streamed(value: unknown, context: RunContext): unknown {
    if (!(value instanceof Source)) return value;
    const readout = {
      open: () => value,
      discard: () => value.close(),
      tail: undefined,
      fail: (error: unknown) => this.fail(error, context),
    };
    context.scope.follow(undefined, sessionSignal());
    return new Stream(new Reader(readout, context, capture()));
  }

  /** Run as a step of another flow: a value, a promise of one, or a {@link Source}. */
  inside(input: unknown, outer: RunContext): unknown {
    const { scope, trace, path } = outer;
    const context = new RunContext(input, this.#out(), scope, outer, trace, path);
    return this.#run(input, context, 0, this.#stages.length);
  }

  open(context: RunContext): unknown {
    const { scope, input } = context;
    if (scope.aborted) throw scope.reason;
    const end = this.tail === undefined ? this.#stages.length : this.#stages.length - 1;
    const opened = this.#run(input, context, 0, end);
    if (this.tail === undefined) return opened;
    return isThenable(opened) ? opened.then(mustStream) : mustStream(opened);
  }

  fail(error: unknown, { scope }: RunContext): unknown {
    const aborted = scope.abortReason();
    if (aborted !== undefined) return aborted.value;
    // A combinator called alone is a plan of one step with the same name.
    const named =
      error instanceof FlowError && error.path[0] === this.name && this.links.length === 1;
    return named ? error : blame(error, this.name);
  }

  #begin(input: unknown, options: CallOptions | undefined): RunContext {
    const scope = new Scope(undefined, options?.closeTimeout ?? 1000);
    if (options?.runId !== undefined) scope.runId = options.runId;
    scope.follow(options?.signal, sessionSignal());
    return new RunContext(input, this.#out(), scope, undefined, undefined, []);
  }

  #out(): Record<string, unknown> {
    return this.#records ? {} : nothing;
  }

  #run(input: unknown, context: RunContext, from: number, end: number): unknown {
    const stages = this.#stages;
    let value = input;
    for (let index = from; index < end; index += 1) {
      const stage = stages[index]!;
      let result: unknown;
      try {
        result = stage.apply(value, context);
      } catch (error) {
        throw context.blame(error, stage.name);
      }
      if (typeof result === "object" && result !== null) {
        if (isThenable(result)) return this.#runOn(result, context, index, end);
        result = adopt(result, stage, context);
      }
      if (stage.records && !(result instanceof Source)) context.out[stage.name] = result;
      value = result;
    }
    return value;
  }

  /** The same from the first promise on. */
  async #runOn(
    pending: PromiseLike<unknown>,
    context: RunContext,
    from: number,
    end: number,
  ): Promise<unknown> {
    const stages = this.#stages;
    const { scope } = context;
    let next: unknown = pending;
    for (let index = from; ; index += 1) {
      const stage = stages[index]!;
      let value: unknown;
      try {
        value = isThenable(next) ? await next : next;
      } catch (error) {
        throw context.blame(error, stage.name);
      }
      if (typeof value === "object" && value !== null) value = adopt(value, stage, context);
      if (stage.records && !(value instanceof Source)) context.out[stage.name] = value;
      if (index + 1 === end) return value;
      const aborted = scope.abortReason();
      if (aborted !== undefined) {
        if (value instanceof Source) void quietly(value);
        throw aborted.value;
      }
      try {
        next = stages[index + 1]!.apply(value, context);
      } catch (error) {
        throw context.blame(error, stages[index + 1]!.name);
      }
    }
  }

  #finish(result: unknown, context: RunContext): unknown {
    if (result instanceof Source) return drain(result, context);
    return isThenable(result)
      ? result.then((value) => (value instanceof Source ? drain(value, context) : value))
      : result;
  }

  /** A promise that also rejects when the run is aborted, at once. */
  #settle(result: PromiseLike<unknown>, context: RunContext): Promise<unknown> {
    const { scope } = context;
    return new Promise((resolve, reject) => {
      scope.owner = { onAbort: reject };
      result.then(
        (value) => {
          scope.end();
          return resolve(value);
        },
        (error: unknown) => {
          const failure = this.fail(error, context);
          scope.abort(failure);
          reject(failure);
        },
      );
    });
  }
}

const nothing: Record<string, unknown> = Object.freeze({});

function adopt(value: object, { name, adopts }: Stage, context: RunContext): unknown {
  return (adopts ? toSource(value, name, context) : undefined) ?? value;
}

function mustStream(opened: unknown): unknown {
  if (opened instanceof Source) return opened;
  throw new FlowError(
    "NOT_A_STREAM",
    "each() follows a step that returned no stream. Return a generator, an async iterable or a ReadableStream, or use step().",
  );
}
