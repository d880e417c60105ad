import type { Store } from "@lazy/fsqueue";
import type { Admission } from "./admission.ts";
import type { Limits } from "./limits.ts";
import type { LiveOptions } from "./live-options.ts";
import type { Pulse } from "./pulse.ts";
import type { SharedReads } from "./shared-reads.ts";
import type { SharedWaits } from "./shared-waits.ts";
import type { Slabs } from "./slabs.ts";

/** What all operations of one handler have in common. */
export interface Core {
  readonly store: Store;
  /** The path before the queue's name, ending in a slash. */
  readonly base: string;
  readonly limits: Limits;
  readonly live: LiveOptions;
  /** Of queues that were made without one. */
  readonly contentType: string;
  readonly cache: "private" | "public" | "no-store";
  /** Whether appends wait for the disk; undefined: as the store does. */
  readonly durable: boolean | undefined;
  /** The origin to write into `Location`, instead of what the client called the server. */
  readonly publicOrigin: string | undefined;
  readonly admission: Admission;
  readonly pulse: Pulse;
  readonly reads: SharedReads;
  readonly waits: SharedWaits;
  readonly slabs: Slabs;
}
