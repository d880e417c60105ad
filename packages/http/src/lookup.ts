import { isQueueError, type QueueInfo, type Store } from "@lazy/fsqueue";
import { Fault, notFound } from "./fault.ts";

/** The queue, without renewing its TTL. Throws a 404, or a 410 for one that only its forks still use. */
export async function requireQueue(store: Store, name: string): Promise<QueueInfo> {
  const info = await store.info(name);
  if (info !== undefined) return info;
  throw (await isRemoved(store, name)) ? gone() : notFound();
}

/** The 410 for a queue that was removed while forks still use it. */
export function gone(): Fault {
  return new Fault(410, "QUEUE_REMOVED", "This queue was removed; forks of it are still there.");
}

/** `info` knows neither missing nor removed queues; a read tells them apart. */
async function isRemoved(store: Store, name: string): Promise<boolean> {
  try {
    await store.read(name, "now", { max: 1 });
    return false;
  } catch (error) {
    if (isQueueError(error, "QUEUE_REMOVED")) return true;
    if (isQueueError(error, "QUEUE_NOT_FOUND")) return false;
    throw error;
  }
}
