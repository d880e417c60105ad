import { channel } from "node:diagnostics_channel";
import type { AppendReceipt, Ending, QueueInfo } from "../store.ts";

// Published on `node:diagnostics_channel`; without a subscriber they cost one look at a flag.

/** What `lazy:queue:opened` carries, when a handle made or found its queue. */
export interface QueueOpenedMessage {
  readonly created: boolean;
  readonly info: QueueInfo;
}

/** What `lazy:queue:sealed` carries, when a handle or a session ended a queue. */
export interface QueueSealedMessage {
  /** The name in the store: `session/queue`. */
  readonly name: string;
  readonly ending: Ending;
}

const opened = channel("lazy:queue:opened");
const sealed = channel("lazy:queue:sealed");

/** Tells that a handle made or found its queue. */
export function publishOpened(message: QueueOpenedMessage): void {
  if (opened.hasSubscribers) opened.publish(message);
}

/** Hands the seal on, and publishes once it has succeeded. */
export function publishSealed(
  name: string,
  ending: Ending,
  seal: Promise<AppendReceipt>,
): Promise<AppendReceipt> {
  if (!sealed.hasSubscribers) return seal;
  return seal.then((receipt) => {
    sealed.publish({ name, ending } satisfies QueueSealedMessage);
    return receipt;
  });
}
