export type { Runnable, Step } from "./as-step.ts";
export type { CheckpointEntry, CheckpointLog } from "./checkpoint.ts";
export type { Combinator, Outcome } from "./combinator.ts";
export type { Context, StepContext } from "./context.ts";
export { diverter } from "./diverter.ts";
export type { DiverterInput, DiverterResults } from "./diverter.ts";
export { FlowError } from "./errors.ts";
export type { FlowErrorCode } from "./errors.ts";
export type { FlowEvent, FlowEventOf, FlowEventType, RunInfo } from "./events.ts";
export { flow } from "./flow.ts";
export { graph } from "./graph.ts";
export type { Graph, Reads } from "./graph.ts";
export type { Hooks, UseOptions } from "./hooks.ts";
export { loop } from "./loop.ts";
export type { LoopOptions } from "./loop.ts";
export { parallel } from "./parallel.ts";
export type {
  Joined,
  JoinedSettled,
  Merged,
  Parallel,
  ParallelOptions,
  ParallelRecord,
} from "./parallel.ts";
export { pipeline } from "./pipeline.ts";
export type { EachOptions, Replacement, Retry, StepOptions } from "./policy.ts";
export type {
  After,
  Answered,
  ChunkOf,
  Fresh,
  Mode,
  ModeAfter,
  ReadableLike,
  StreamLike,
  SyncStream,
} from "./result.ts";
export type { CallOptions, RunOptions } from "./run-options.ts";
export { Stream } from "./stream.ts";
export type { Sink } from "./stream.ts";
export type { StreamFlow } from "./stream-flow.ts";
export type { ValueFlow } from "./value-flow.ts";
export { switchOn } from "./switch-on.ts";
export type { SwitchOn } from "./switch-on.ts";
export { warp } from "./warp.ts";
export type { Warped, WarpOptions } from "./warp.ts";
export type { EventsOptions } from "./watch.ts";
export { when } from "./when.ts";
