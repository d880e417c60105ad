import type { FlowError } from "./errors.ts";

/** The run an event belongs to: one object for all events of a run. */
export interface RunInfo {
  readonly id: string;
  /** The flow's name. */
  readonly flow: string;
}

interface EventBase {
  readonly run: RunInfo;
  /** The way to the step, without the run's own name; empty for the run itself. */
  readonly path: readonly string[];
  /** Numbers what is run within a run, in the order of starting; the run itself is 0. */
  readonly step: number;
  /** The number of the step around it. */
  readonly parent: number;
  /** Milliseconds since the epoch. */
  readonly time: number;
}

/** What happens in a run, in the order in which it does. */
export type FlowEvent =
  | (EventBase & { readonly type: "run-started"; readonly input: unknown })
  /** A chunk that the run's reader gets. */
  | (EventBase & { readonly type: "run-chunk"; readonly chunk: unknown })
  /** Of a flow that ends in a stream, `output` is undefined. */
  | (EventBase & { readonly type: "run-ended"; readonly output: unknown })
  | (EventBase & { readonly type: "run-failed"; readonly error: unknown })
  /** The caller, the session or the reader ended it. */
  | (EventBase & { readonly type: "run-aborted"; readonly reason: unknown })
  | (EventBase & { readonly type: "step-started"; readonly input: unknown })
  /** A chunk that a step made, at any depth: also of streams that are collected later on. */
  | (EventBase & { readonly type: "step-chunk"; readonly chunk: unknown })
  /** Of a step that makes a stream, `output` is undefined and `chunks` says how many there were. */
  | (EventBase & {
      readonly type: "step-ended";
      readonly output: unknown;
      readonly chunks: number | undefined;
    })
  | (EventBase & { readonly type: "step-failed"; readonly error: unknown })
  | (EventBase & {
      readonly type: "step-retried";
      readonly attempt: number;
      readonly error: FlowError;
    })
  /** A checkpoint had its output already. */
  | (EventBase & { readonly type: "step-restored"; readonly output: unknown });

/** A kind of event. */
export type FlowEventType = FlowEvent["type"];

/** The event of a kind. */
export type FlowEventOf<T extends FlowEventType> = Extract<FlowEvent, { readonly type: T }>;
