import { isQueueError } from "../errors.ts";
import type { AppendOptions, AppendReceipt } from "../store.ts";
import type { QueueHub } from "./queue-hub.ts";

/** Messages may also be dropped past this process's handles, so a blocked writer looks by itself as well. */
const lookAgainMs = 250;

/**
 * Append, waiting while the queue is full. A batch that would not even fit into the empty queue is
 * `QUEUE_FULL` at once.
 */
export async function appendWhenRoom(
  hub: QueueHub,
  name: string,
  batch: readonly Uint8Array[],
  options?: AppendOptions,
): Promise<AppendReceipt> {
  const watch = hub.watch(name);
  try {
    for (;;) {
      const { version } = watch;
      try {
        return await hub.store.append(name, batch, options);
      } catch (error) {
        if (!isQueueError(error, "QUEUE_FULL") || !couldFit(batch, error.details)) throw error;
      }
      const again = hub.clock.now() + lookAgainMs;
      const cancel = hub.clock.schedule(again, () => hub.changed(name));
      try {
        await watch.changedSince(version, options?.signal);
      } finally {
        cancel();
      }
    }
  } finally {
    watch.close();
  }
}

/** The same for messages that need not be appended together: as many at a time as there is room for. */
export async function appendInParts(
  hub: QueueHub,
  name: string,
  batch: readonly Uint8Array[],
  signal: AbortSignal,
): Promise<void> {
  if (batch.length === 1) {
    await appendWhenRoom(hub, name, batch, { signal });
    return;
  }
  try {
    await hub.store.append(name, batch);
  } catch (error) {
    if (!isQueueError(error, "QUEUE_FULL")) throw error;
    const half = batch.length >> 1;
    await appendInParts(hub, name, batch.slice(0, half), signal);
    await appendInParts(hub, name, batch.slice(half), signal);
  }
}

function couldFit(
  batch: readonly Uint8Array[],
  { limit, most }: Readonly<Record<string, unknown>>,
): boolean {
  const size =
    limit === "maxMessages" ? batch.length : batch.reduce((sum, data) => sum + data.length, 0);
  return size <= Number(most);
}
