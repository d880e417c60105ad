import type { QueueInfo } from "../store.ts";
import type { Journal } from "./journal.ts";
import { formatOffset } from "./offset.ts";
import type { QueueState } from "./queue-state.ts";

/** What is acknowledged of a queue; what is only laid down does not show. */
export function infoOf(journal: Journal, queue: QueueState): QueueInfo {
  const { settings, head, tail } = queue;
  const { ttlMs, expiresAt, maxMessages, maxBytes, fork } = settings;
  const staged = { count: 0, bytes: 0 };
  if (queue.next > tail) queue.index.measure(Math.max(head, tail), queue.next, staged);
  return {
    name: settings.name,
    id: `${journal.store.toString(16).padStart(8, "0")}-${queue.number}`,
    createdAt: settings.createdAt,
    head: formatOffset(Math.min(head, tail)),
    tail: formatOffset(tail),
    messages: queue.count - staged.count,
    bytes: queue.bytes - staged.bytes,
    metadata: settings.metadata,
    owned: settings.owned,
    ...(queue.ended && queue.ending !== undefined ? { ending: queue.ending } : {}),
    ...(ttlMs === undefined ? {} : { ttlMs }),
    ...(expiresAt === undefined ? {} : { expiresAt }),
    ...(fork === undefined ? {} : { fork: { from: fork.from, at: formatOffset(fork.at) } }),
    ...(maxMessages === undefined ? {} : { maxMessages }),
    ...(maxBytes === undefined ? {} : { maxBytes }),
  };
}
