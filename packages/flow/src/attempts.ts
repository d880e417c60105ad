import type { RunContext } from "./context.ts";
import { quietly, startClosing } from "./drain.ts";
import { FlowError } from "./errors.ts";
import type { Retry, StepOptions } from "./policy.ts";
import { endedOf, Scope } from "./scope.ts";
import { type Answer, Source, toSource } from "./source.ts";
import { isThenable } from "./thenable.ts";

type Run = (value: unknown, context: RunContext) => unknown;
type Options = StepOptions<unknown, RunContext, unknown>;

/** Whether these options say anything about attempts. */
export function hasAttempts(options: Options): boolean {
  return (
    options.timeout !== undefined || options.retry !== undefined || options.fallback !== undefined
  );
}

/**
 * A step with a timeout, retries and a fallback. Each attempt has a scope, and so a `ctx.signal`, of its
 * own. With `streams`, what it returns may be a stream: its first chunk is part of the attempt.
 */
export function withAttempts(
  run: Run,
  name: string,
  options: Options,
  where: string,
  streams: boolean,
): Run {
  const { timeout, fallback } = options;
  const retry = checked(options, where);
  return async (value, context) => {
    for (let attempt = 1; ; attempt += 1) {
      const scope = new Scope(context.scope, context.scope.options);
      try {
        return await attemptOnce(run, value, context.within(scope, attempt), {
          name,
          timeout,
          streams,
        });
      } catch (error) {
        scope.end();
        const aborted = endedOf(context.scope);
        if (aborted !== undefined) throw aborted.reason;
        const failure = context.blame(error, name) as FlowError;
        if (attempt < retry.attempts && (retry.when?.(failure) ?? true)) {
          void context.trace?.tell({ type: "step-retried", attempt, error: failure });
          await pause(delayOf(retry, attempt + 1, failure), context.scope);
          continue;
        }
        if (fallback === undefined) throw error;
        return await fallback(failure, value, context);
      }
    }
  };
}

function checked({ timeout, retry, fallback }: Options, where: string): Retry {
  if (timeout !== undefined && !(timeout > 0)) {
    throw new TypeError(`${where}: timeout is a number of milliseconds above 0, not ${timeout}.`);
  }
  if (fallback !== undefined && typeof fallback !== "function") {
    throw new TypeError(`${where}: fallback is a function, not ${typeof fallback}.`);
  }
  const given = typeof retry === "number" ? { attempts: retry + 1 } : (retry ?? { attempts: 1 });
  if (!Number.isInteger(given.attempts) || given.attempts < 1) {
    throw new TypeError(
      `${where}: retry is a number of retries from 0 on, or { attempts } from 1 on; this makes ${given.attempts} attempts.`,
    );
  }
  return given;
}

function delayOf({ delay = 0 }: Retry, attempt: number, failure: FlowError): number {
  return typeof delay === "number" ? delay : delay(attempt, failure);
}

/** Wait, unless the run ends meanwhile. */
async function pause(milliseconds: number, scope: Scope): Promise<void> {
  if (!(milliseconds > 0)) return;
  await new Promise<void>((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      scope.detach(member);
      resolve();
    };
    const member = { onAbort: end };
    const timer = setTimeout(end, milliseconds);
    scope.attach(member);
  });
  const aborted = endedOf(scope);
  if (aborted !== undefined) throw aborted.reason;
}

interface Attempt {
  readonly name: string;
  readonly timeout: number | undefined;
  readonly streams: boolean;
}

async function attemptOnce(
  run: Run,
  value: unknown,
  context: RunContext,
  { name, timeout, streams }: Attempt,
): Promise<unknown> {
  const { scope } = context;
  const asStream = (result: unknown): Source | undefined =>
    streams && typeof result === "object" && result !== null
      ? toSource(result, name, context)
      : undefined;
  const returned = run(value, context);
  const result = isThenable(returned)
    ? await inTime(returned, timeout, scope, (late) => {
        const source = asStream(late);
        if (source !== undefined) void quietly(source);
      })
    : returned;
  const source = asStream(result);
  if (source === undefined) {
    scope.end();
    return result;
  }
  const attempted = new AttemptSource(source, timeout, scope);
  try {
    await attempted.begin();
  } catch (error) {
    await startClosing(source, scope.closeTimeout);
    throw error;
  }
  return attempted;
}

/** The answer, or STEP_TIMEOUT; what comes later goes to `late` and never becomes an unhandled rejection. */
function inTime<T>(
  pending: PromiseLike<T>,
  timeout: number | undefined,
  scope: Scope,
  late?: (value: T) => void,
): PromiseLike<T> {
  if (timeout === undefined) return pending;
  return new Promise((resolve, reject) => {
    let over = false;
    const timer = setTimeout(() => {
      over = true;
      const error = new FlowError("STEP_TIMEOUT", `no answer within ${timeout} ms`);
      reject(error);
      scope.abort(error);
    }, timeout);
    pending.then(
      (value) => {
        clearTimeout(timer);
        if (over) late?.(value);
        return resolve(value);
      },
      (error: unknown) => {
        clearTimeout(timer);
        reject(error);
      },
    );
  });
}

/** The stream of an attempt: its first chunk is here already, the others have `timeout` each. */
class AttemptSource extends Source {
  readonly #source: Source;
  readonly #timeout: number | undefined;
  readonly #scope: Scope;
  #first: Answer | undefined;

  constructor(source: Source, timeout: number | undefined, scope: Scope) {
    super();
    this.#source = source;
    this.#timeout = timeout;
    this.#scope = scope;
  }

  async begin(): Promise<void> {
    try {
      this.#first = await this.#pullInTime();
    } catch (error) {
      throw this.#source.blame(error);
    }
  }

  pull(): Answer | PromiseLike<Answer> {
    const first = this.#first;
    if (first === undefined) return this.#pullInTime();
    this.#first = undefined;
    return first;
  }

  #pullInTime(): Answer | PromiseLike<Answer> {
    const answer = this.#source.pull();
    return isThenable(answer)
      ? inTime(answer, this.#timeout, this.#scope).then(this.#see)
      : this.#see(answer);
  }

  /** At its end the attempt leaves the run it is part of. */
  readonly #see = (answer: Answer): Answer => {
    if (answer.done === true) this.#scope.end();
    return answer;
  };

  close(): unknown {
    this.#scope.end();
    return this.#source.close();
  }

  blame(error: unknown): unknown {
    return this.#source.blame(error);
  }
}
