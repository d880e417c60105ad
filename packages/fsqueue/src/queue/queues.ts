import type { Session } from "@lazy/context";
import type { Position, QueueInfo, Store } from "../store.ts";
import type { Followable, Tagged } from "./merged-tail.ts";
import type { Queue, QueueOptions } from "./queue.ts";

/** A queue in a listing, with the session and name it has there. */
export interface SessionQueueInfo extends QueueInfo {
  readonly session: string;
  readonly queue: string;
}

/** Where following several queues begins, and what ends it. */
export interface MergedTailOptions<K extends string> {
  /** Where to begin in each; default the oldest message still kept. */
  readonly from?: Position | { readonly [Key in K]?: Position };
  readonly signal?: AbortSignal;
}

/** The queues of one session, from wherever they are wanted. */
export interface SessionQueues {
  readonly id: string;
  /** A handle for this session's queue. It makes no call by itself. */
  queue<T = unknown, In = T>(name: string, options?: QueueOptions<T, In>): Queue<T, In>;
  /** This session's queues, sorted bytewise by name. */
  list(): AsyncIterable<SessionQueueInfo>;
}

/** All queues in one store. */
export interface Queues extends AsyncDisposable {
  /** What lies beneath. */
  readonly store: Store;
  /**
   * A handle for the queue of this name of whichever session is current at each call: one at module level
   * serves all requests. Throws `SESSION_MISSING` outside a session. The queue belongs to its session: it is
   * sealed when that ends, with how it ended. (A session whose process dies leaves an orphan, which
   * `openQueues` seals.)
   */
  queue<T = unknown, In = T>(name: string, options?: QueueOptions<T, In>): Queue<T, In>;
  /**
   * The queues of another session. By id: a queue written here is nobody's and stays open until it is
   * sealed or expires. By a live session: as if from inside it.
   */
  session(idOrSession: string | Session): SessionQueues;
  /**
   * Follow several queues at once: `queues.tail({ reply, trace })` gives messages with `queue: "reply"` or
   * `"trace"`. Each queue's own order is kept. Ends when all have ended; a queue that ends badly does not
   * cut off the others, and its error is thrown at the end.
   */
  tail<Q extends Readonly<Record<string, Followable>>>(
    queues: Q,
    options?: MergedTailOptions<keyof Q & string>,
  ): AsyncIterableIterator<Tagged<Q>>;
  /** Every session's queues, sorted bytewise by store name. Queues that are no session's are left out. */
  list(): AsyncIterable<SessionQueueInfo>;
  /** Resolves when everything enqueued so far survives a power cut; rejects with what was lost. */
  flush(): Promise<void>;
  /**
   * Append what `tryEnqueue` still holds, make everything durable and close the store. Rejects with what
   * was lost, the store closed all the same. Idempotent. Queues of sessions that still live are left open,
   * as orphans for the next process.
   */
  close(): Promise<void>;
}
