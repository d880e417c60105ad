import { fetchMessages } from "./fetch.ts";
import { knownSequence } from "./read.ts";
import type { Offset, StoredMessage } from "../store.ts";
import { contentBetween } from "./open-queue.ts";
import type { Journal } from "./journal.ts";
import { RECORD_HEADER, RecordType } from "./layout.ts";
import type { QueueState } from "./queue-state.ts";

/** Drop the messages up to and including this position; resolves with their count once that is durable. */
export async function trim(journal: Journal, name: string, upTo: Offset | "now"): Promise<number> {
  const queue = journal.find(name);
  journal.writer();
  const to = upTo === "now" ? queue.next : knownSequence(queue, upTo);
  if (to <= queue.head) {
    await journal.writer().barrier(true);
    return 0;
  }
  const { count } = queue;
  const trimmed = stageTrim(journal, queue, to, true);
  const dropped = count - queue.count;
  await trimmed;
  return dropped;
}

/** Read and drop the oldest messages. */
export async function take(
  journal: Journal,
  name: string,
  max: number,
): Promise<readonly StoredMessage[]> {
  const queue = journal.find(name);
  journal.writer();
  if (queue.head >= queue.tail || max < 1) return [];
  // The places are looked up before the messages are dropped, and their segments held.
  const { end, messages, complete } = fetchMessages(
    journal,
    queue,
    queue.head,
    queue.tail,
    max,
    Infinity,
  );
  const complement = complete?.();
  const [taken] = await Promise.all([complement, stageTrim(journal, queue, end, false)]);
  return taken ?? messages;
}

export async function remove(journal: Journal, name: string): Promise<boolean> {
  const queue = journal.peek(name);
  if (queue === undefined) return false;
  await journal.writer().promise(journal.stageRemoval(queue), undefined, true);
  return true;
}

/** Move the head: at once for who comes after, for good when it is written. */
function stageTrim(
  journal: Journal,
  queue: QueueState,
  to: number,
  durable: boolean,
): Promise<undefined> {
  const lane = journal.writer();
  const batch = lane.begin(RECORD_HEADER);
  batch.touch(queue);
  lane.buffer.record(RecordType.trim, queue.number, to, undefined);
  const content = contentBetween(queue, queue.head, to);
  queue.count -= content.count;
  queue.bytes -= content.bytes;
  queue.head = to;
  batch.onCommit(() => {
    queue.keptHead = to;
    releaseMessages(queue);
    journal.retention?.wake();
  });
  return lane.promise(batch, undefined, durable);
}

/** Let go of the messages that neither this queue nor a fork still needs, its origins' included. */
export function releaseMessages(queue: QueueState): void {
  for (let at: QueueState | undefined = queue; at !== undefined; at = at.parent) {
    at.index.dropBefore(at.floor());
  }
}
