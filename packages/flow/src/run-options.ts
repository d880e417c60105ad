import type { CheckpointLog } from "./checkpoint.ts";

/** How to run a flow. */
export interface CallOptions {
  /** Ends the run; it rejects with this signal's `reason` at once. The session's own signal does so as well. */
  readonly signal?: AbortSignal | undefined;
  /** Names the run, in `ctx.runId`, events and checkpoints. Default a random UUID, made when asked for. */
  readonly runId?: string | undefined;
  /**
   * How long, in milliseconds, to wait for generators and branches that do not react when they are closed.
   * After that the run settles without them. Default 1,000.
   */
  readonly closeTimeout?: number | undefined;
}

/** How to run a flow to its end, perhaps in several attempts. */
export interface RunOptions extends CallOptions {
  /**
   * Write down what each step returned, and on a run with the same `runId` go on after the last one that is
   * written down. A step that was under way when the process died runs again. Streams are not written down,
   * what is collected of them is. Needs `runId`; costs a write per step.
   */
  readonly checkpoint?: CheckpointLog | undefined;
}
