import type { Run } from "./message-index.ts";
import type { QueueState } from "./queue-state.ts";

/** Who goes through the messages of a queue. */
export interface RunVisitor {
  /** The messages `[from, to)` of a run, of which there is at least one. False: enough. */
  visit(owner: QueueState, run: Run, from: number, to: number): boolean;
}

/**
 * Go through the messages of a queue in `[from, to)`, in order. Those before its own stand with its origin,
 * and so on. False when the visitor has had enough.
 */
export function visitRuns(
  queue: QueueState,
  from: number,
  to: number,
  visitor: RunVisitor,
): boolean {
  if (from >= to) return true;
  const { ownFrom, parent } = queue;
  if (parent !== undefined && from < ownFrom) {
    if (!visitRuns(parent, from, Math.min(ownFrom, to), visitor)) return false;
  }
  const start = Math.max(from, ownFrom);
  const { runs } = queue.index;
  for (let at = queue.index.position(start); at < runs.length; at += 1) {
    const run = runs[at]!;
    if (run.first >= to) return true;
    const last = Math.min(to, run.first + run.count);
    if (!visitor.visit(queue, run, Math.max(start, run.first), last)) return false;
  }
  return true;
}
