import type { SessionOutcome } from "@lazy/context";
import { QueueError } from "./errors.ts";
import type { Ending } from "./store.ts";

/** How a queue ends whose session ended like this: an error with its name, message and code. */
export function endingOf(outcome: SessionOutcome): Ending {
  if (outcome.status === "ok") return { status: "ok" };
  const cause = outcome.status === "error" ? outcome.error : outcome.reason;
  return { status: outcome.status, ...described(cause) };
}

/** What a reader of a queue that did not end well is rejected with. */
export function endingError(name: string, ending: Ending): QueueError {
  const { status, code, message } = ending;
  const verb = status === "error" ? "failed" : "was aborted";
  const why = [ending.name, message].filter((part) => part !== undefined && part !== "").join(": ");
  return new QueueError(
    code === "WRITER_LOST" ? "WRITER_LOST" : "TAIL_ENDED",
    `The queue ${JSON.stringify(name)} ${verb}${why === "" ? "" : `: ${why}`}`,
    { cause: revived(ending), details: { name, ending } },
  );
}

function described(cause: unknown): { name?: string; message?: string; code?: string } {
  if (cause === undefined) return {};
  if (!(cause instanceof Error)) return { message: textOf(cause) };
  const { name, message } = cause;
  const code = "code" in cause && typeof cause.code === "string" ? { code: cause.code } : {};
  return { name, message, ...code };
}

/** An error as the one that ended the queue, without its stack, which stayed in its process. */
function revived({ name, message = "", code }: Ending): Error | undefined {
  if (name === undefined && message === "" && code === undefined) return undefined;
  const error = new Error(message);
  if (name !== undefined) error.name = name;
  return code === undefined ? error : Object.assign(error, { code });
}

function textOf(value: unknown): string {
  if (typeof value === "string") return value;
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return String(value);
  }
}
