import { QueueError } from "../errors.ts";
import type { Journal } from "./journal.ts";
import { contentBetween } from "./open-queue.ts";
import type { QueueState } from "./queue-state.ts";

/** After a replay: make an end of deleted queues, count what is there, and see that nothing is missing. */
export function settle(journal: Journal): void {
  for (const queue of journal.removals.splice(0)) {
    if (queue.gone) continue;
    if (queue.forkCount > 0) journal.byName.set(queue.name, queue);
    journal.applyRemoval(queue);
  }
  for (const queue of journal.byNumber.values()) settleQueue(journal, queue);
}

function settleQueue(journal: Journal, queue: QueueState): void {
  if (queue.provisional) throw missing(queue, 0);
  queue.tail = queue.next;
  const floor = queue.floor();
  queue.index.dropBefore(floor);
  let expected = Math.max(floor, queue.ownFrom);
  for (const run of queue.index.runs) {
    expected = skipGaps(queue, expected);
    if (run.first !== expected) throw missing(queue, expected);
    expected = run.first + run.count;
  }
  if (skipGaps(queue, expected) !== queue.next) throw missing(queue, expected);
  Object.assign(queue, contentBetween(queue, queue.head, queue.next));
  queue.recordedTouch = queue.touchedAt;
  journal.watchExpiry(queue);
}

/** The first sequence from this one on that is not in a gap. */
function skipGaps(queue: QueueState, sequence: number): number {
  let at = sequence;
  const { gaps } = queue;
  if (gaps === undefined) return at;
  for (const [from, to] of [...gaps].toSorted(([a], [b]) => a - b)) {
    if (from <= at && at < to) at = to;
  }
  return at;
}

function missing(queue: QueueState, sequence: number): QueueError {
  return new QueueError(
    "CORRUPT",
    `message ${sequence} of queue ${JSON.stringify(queue.name)} is missing: a segment file was deleted or replaced. Restore it, or open with \`salvage\` to go on without`,
    { details: { queue: queue.name, sequence } },
  );
}
