import type { QueueState } from "./queue-state.ts";

/** When the queue expires, in milliseconds since the epoch; infinity if never. */
export function expiresAt(queue: QueueState): number {
  const { ttlMs, expiresAt: fixed } = queue.settings;
  if (ttlMs !== undefined) return queue.touchedAt + ttlMs;
  return fixed ?? Number.POSITIVE_INFINITY;
}

export function isExpired(queue: QueueState, now: number): boolean {
  return !queue.removed && now >= expiresAt(queue);
}
