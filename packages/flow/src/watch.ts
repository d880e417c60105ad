import { capture } from "./binding.ts";
import { RunContext } from "./context.ts";
import type { FlowEvent } from "./events.ts";
import type { Plan } from "./plan.ts";
import { Reader } from "./reader.ts";
import type { CallOptions } from "./run-options.ts";
import { Scope } from "./scope.ts";
import { toSource } from "./source.ts";
import { Stream } from "./stream.ts";

/** How to run a flow and watch it. */
export interface EventsOptions extends CallOptions {
  /** How many events may wait for the reader before the run waits for it. Default 16. */
  readonly buffer?: number;
}

/** Run a flow and give its events as a stream. */
export function watch(
  plan: Plan,
  input: unknown,
  { buffer = 16, ...options }: EventsOptions = {},
): Stream<FlowEvent> {
  if (!(buffer >= 1)) throw new TypeError(`events: buffer is a number from 1 on, not ${buffer}.`);
  const scope = new Scope(undefined, options);
  const context = new RunContext(undefined, {}, scope, undefined, undefined);
  const readout = {
    open: () =>
      toSource(happenings(plan, input, options, buffer, context), "events", { blame: asIs }),
    tail: undefined,
    fail: asIs,
  };
  return new Stream<FlowEvent>(new Reader(readout, context, capture()));
}

/** The flow has named its step already. */
function asIs(error: unknown): unknown {
  return error;
}

async function* happenings(
  plan: Plan,
  input: unknown,
  options: CallOptions,
  buffer: number,
  { signal }: RunContext,
): AsyncGenerator<FlowEvent, void, undefined> {
  const events: FlowEvent[] = [];
  let wake: (() => void) | undefined;
  let drained: (() => void) | undefined;
  const event = (happened: FlowEvent): Promise<void> | undefined => {
    events.push(happened);
    wake?.();
    if (events.length < buffer || happened.type.startsWith("run-")) return undefined;
    return new Promise((resolve) => {
      drained = resolve;
    });
  };
  let over = false;
  const stream = plan.stream(input, options, [{ hooks: { event }, raise: true }]);
  const run = async (): Promise<unknown> => {
    try {
      await stream.forEach(() => undefined);
      return undefined;
    } catch (error) {
      return { error };
    } finally {
      over = true;
      wake?.();
    }
  };
  const leave = (): void => wake?.();
  signal.addEventListener("abort", leave);
  const running = run();
  try {
    for (;;) {
      while (events.length > 0) {
        yield events.shift()!;
        drained?.();
      }
      if (over || signal.aborted) break;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    if (!signal.aborted) {
      const failed = (await running) as { error: unknown } | undefined;
      if (failed !== undefined) throw failed.error;
    }
  } finally {
    signal.removeEventListener("abort", leave);
    drained?.();
    await stream.close();
  }
}
