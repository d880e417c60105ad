import { refusedChannel } from "./channels.ts";
import { registry } from "./registry.ts";

/** Counts and publishes a header that is done without. */
export function refuse(header: string, reason: string): void {
  registry.refused++;
  if (refusedChannel.hasSubscribers) refusedChannel.publish({ header, reason });
}
