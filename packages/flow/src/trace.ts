import type { RunContext } from "./context.ts";
import type { FlowError } from "./errors.ts";

/** What an observed run reports to. */
export interface Trace {
  /** The same, one name further down. */
  at(name: string): Trace;
  retried(context: RunContext, name: string, attempt: number, error: FlowError): void;
}
