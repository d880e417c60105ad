export type { Runnable, Step } from "./as-step.ts";
export type { Context, StepContext } from "./context.ts";
export { FlowError } from "./errors.ts";
export type { FlowErrorCode } from "./errors.ts";
export { flow } from "./flow.ts";
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
export type { CallOptions } from "./run-options.ts";
export { Stream } from "./stream.ts";
export type { Sink } from "./stream.ts";
export type { StreamFlow } from "./stream-flow.ts";
export type { ValueFlow } from "./value-flow.ts";
