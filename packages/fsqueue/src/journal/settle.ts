import { QueueError } from "../errors.ts";
import type { Journal } from "./journal.ts";
import { contentBetween } from "./open-queue.ts";
import { loseMessages, loseQueue } from "./salvage.ts";
import type { QueueState } from "./queue-state.ts";

/** After a replay: make an end of deleted queues, count what is there, and see that nothing is missing. */
export function settle(journal: Journal): void {
  for (const queue of journal.removals.splice(0)) {
    if (queue.gone) continue;
    if (queue.forkCount > 0) journal.byName.set(queue.name, queue);
    journal.applyRemoval(queue);
  }
  // Those first whose name is lost: their forks must know before they are counted.
  const queues = [...journal.byNumber.built()];
  for (const queue of queues) if (queue.provisional) settleNameless(journal, queue);
  for (const queue of queues) if (!queue.gone) settleQueue(journal, queue);
}

function settleNameless(journal: Journal, queue: QueueState): void {
  if (journal.options.salvage === undefined) throw missing(queue, 0);
  loseQueue(journal, queue);
}

function settleQueue(journal: Journal, queue: QueueState): void {
  const { salvage } = journal.options;
  queue.tail = queue.next;
  const floor = queue.floor();
  queue.index.dropBefore(floor);
  for (const [from, to] of missingMessages(queue, Math.max(floor, queue.ownFrom))) {
    if (salvage === undefined) throw missing(queue, from);
    loseMessages(journal, queue, from, to);
  }
  Object.assign(queue, contentBetween(queue, queue.head, queue.next));
  queue.recordedTouch = queue.touchedAt;
  journal.watchExpiry(queue);
}

/** What should be there from this sequence on, and is not: pairs of the first and the one after the last. */
function missingMessages(queue: QueueState, from: number): [number, number][] {
  const stretches: [number, number][] = [];
  let expected = from;
  for (const run of queue.index.runs) {
    expected = skipGaps(queue, expected);
    if (run.first > expected) stretches.push([expected, run.first]);
    expected = run.first + run.count;
  }
  expected = skipGaps(queue, expected);
  if (expected < queue.next) stretches.push([expected, queue.next]);
  return stretches;
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
