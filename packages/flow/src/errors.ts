/**
 * What went wrong in a run. Recognise an error by its code, not by `instanceof`: two copies of this package
 * have two classes.
 *
 * - `STEP_FAILED`: a step threw; `cause` is what it threw.
 * - `STEP_TIMEOUT`: a step did not answer within its `timeout`.
 * - `NOT_A_STREAM`: `each`, `through` or `collect` found a value instead of a stream.
 * - `STREAM_TAKEN`: a stream was read a second time.
 * - `NO_CASE`: `switchOn` has no case for this key and no default.
 * - `LOOP_LIMIT`: a `loop` reached `max` before `until` held.
 * - `BRANCH_MISSING`: an input of a `diverter` has no value for a branch, or one too many.
 * - `CHECKPOINT_FAILED`: the checkpoint log could not be read or written; `cause` says why.
 * - `CHECKPOINT_MISMATCH`: a run was resumed on a flow with other steps or another input.
 */
export type FlowErrorCode =
  | "STEP_FAILED"
  | "STEP_TIMEOUT"
  | "NOT_A_STREAM"
  | "STREAM_TAKEN"
  | "NO_CASE"
  | "LOOP_LIMIT"
  | "BRANCH_MISSING"
  | "CHECKPOINT_FAILED"
  | "CHECKPOINT_MISMATCH";

/** A failed run: which step, and why. */
export class FlowError extends Error {
  static {
    this.prototype.name = "FlowError";
  }

  /** Stable, see {@link FlowErrorCode}. */
  readonly code: FlowErrorCode;
  /**
   * The way to the step that failed, outermost first: flow, steps, branches and rounds, as in
   * `["outer", "fan", "b", "loop#3", "parse"]`.
   */
  readonly path: readonly string[];

  constructor(
    code: FlowErrorCode,
    message: string,
    options: { readonly path?: readonly string[]; readonly cause?: unknown } = {},
  ) {
    super(message, "cause" in options ? { cause: options.cause } : undefined);
    this.code = code;
    this.path = options.path ?? [];
  }
}

/** Which invocation of a flow has already named its step in an error; see {@link blame}. */
const levels = new WeakMap<FlowError, object>();
/** The text of an error without its path, so that it is not repeated when the path grows. */
const reasons = new WeakMap<FlowError, string>();

/**
 * Name the step at fault. An error on its way out of nested flows, branches and rounds passes here once at
 * each of them, and each puts its name in front of the path. `level` is the invocation that names; an
 * error that merely passes through a later step of the same invocation keeps the name it has.
 */
export function blame(error: unknown, name: string, level?: object): FlowError {
  if (error instanceof FlowError) {
    if (level !== undefined && levels.get(error) === level) return error;
    return located(
      error.code,
      reasons.get(error) ?? error.message,
      [name, ...error.path],
      error.cause,
      level,
    );
  }
  const reason = error instanceof Error ? error.message : String(error);
  return located("STEP_FAILED", reason, [name], error, level);
}

function located(
  code: FlowErrorCode,
  reason: string,
  path: readonly string[],
  cause: unknown,
  level: object | undefined,
): FlowError {
  const error = new FlowError(code, `${path.join(" › ")}: ${reason}`, { path, cause });
  reasons.set(error, reason);
  if (level !== undefined) levels.set(error, level);
  return error;
}
