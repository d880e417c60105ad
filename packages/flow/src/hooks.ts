import type { FlowEvent, FlowEventOf, FlowEventType } from "./events.ts";

/** Called in a run, in the run's own session. All are optional. */
export type Hooks = {
  /** Called with each event of this kind. A promise it returns is not waited for. */
  readonly [T in FlowEventType]?: (event: FlowEventOf<T>) => unknown;
} & {
  /** Called with every event. */
  readonly event?: (event: FlowEvent) => unknown;
  /**
   * Called around every entry into a step's own code: its call, and for a generator each time it goes on.
   * It must return what `call` returns. For a context that the step's code is to see, such as a span.
   */
  readonly around?: <R>(step: FlowEventOf<"step-started">, call: () => R) => R;
};

/** What to do when a hook itself fails. */
export interface UseOptions {
  /**
   * `warn` (default): a process warning, and the run goes on. `raise`: the run fails with the hook's error
   * at that step; promises that hooks return are then waited for.
   */
  readonly errors?: "warn" | "raise";
}

/** Hooks and what to do when they fail. */
export interface HookSet {
  readonly hooks: Hooks;
  readonly raise: boolean;
}

/** Check what was given to `use`. */
export function hookSet(hooks: Hooks, { errors = "warn" }: UseOptions, where: string): HookSet {
  if (typeof hooks !== "object" || hooks === null) {
    throw new TypeError(`${where}: hooks are an object of functions by event.`);
  }
  for (const [name, hook] of Object.entries(hooks)) {
    if (typeof hook !== "function" || !names.has(name)) {
      throw new TypeError(`${where}: there is no hook "${name}", or it is no function.`);
    }
  }
  if (errors !== "warn" && errors !== "raise") {
    throw new TypeError(`${where}: errors is "warn" or "raise", not ${String(errors)}.`);
  }
  return { hooks, raise: errors === "raise" };
}

const names: ReadonlySet<string> = new Set<FlowEventType | "event" | "around">([
  "run-started",
  "run-chunk",
  "run-ended",
  "run-failed",
  "run-aborted",
  "step-started",
  "step-chunk",
  "step-ended",
  "step-failed",
  "step-retried",
  "step-restored",
  "event",
  "around",
]);

/** Tell of a hook that failed without failing the run. */
export function warn(error: unknown): void {
  const reason = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.emitWarning(`A hook of a flow failed: ${reason}`, { type: "FlowHookWarning" });
}
