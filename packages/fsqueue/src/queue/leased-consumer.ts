import { endingError } from "../ending.ts";
import { QueueError } from "../errors.ts";
import type { Delivery, Leases, Offset } from "../store.ts";
import type { Decoder, Message } from "./message.ts";
import type { DequeueOptions } from "./queue.ts";
import type { QueueHub } from "./queue-hub.ts";

/** How messages are leased to the consumers of a group. */
export interface LeaseOptions {
  /** A message not acknowledged after this many milliseconds is given to somebody again. */
  readonly visibilityMs: number;
  /** After this many deliveries a message is left out and reported by `dead`. Default 5. */
  readonly maxDeliveries?: number;
}

/** A message leased to one consumer. */
export interface LeasedMessage<T> extends Message<T> {
  /** How often it has been handed out, this time included. */
  readonly deliveries: number;
  /** It is done: nobody of the group gets it again. Durable when it resolves. */
  acknowledge(): Promise<void>;
  /** Give it back at once. */
  release(): Promise<void>;
}

/** One of several consumers who share the messages of a queue. */
export interface LeasedConsumer<T> extends AsyncIterable<LeasedMessage<T>> {
  readonly group: string;
  /**
   * Up to `limit` (default 1) messages that nobody of the group holds or has done, the oldest first. With
   * `wait`, none means that the queue has ended and all is done; if it did not end well it rejects with
   * `TAIL_ENDED`.
   */
  receive(limit?: number, options?: DequeueOptions): Promise<LeasedMessage<T>[]>;
  /** Messages that used up their deliveries. Acknowledge them to be rid of them. */
  dead(): Promise<LeasedMessage<T>[]>;
  /** One message after the other, until the queue has ended and all is done. */
  [Symbol.asyncIterator](): AsyncIterator<LeasedMessage<T>>;
}

/** See {@link LeasedConsumer}. `opened` resolves once the queue may be read. */
export function createLeasedConsumer<T>(
  hub: QueueHub,
  name: string,
  group: string,
  { visibilityMs, maxDeliveries = 5 }: LeaseOptions,
  opened: () => Promise<unknown>,
  decode: Decoder<T>,
): LeasedConsumer<T> {
  const leases = leasesOf(hub);

  const leased = (delivery: Delivery): LeasedMessage<T> => ({
    ...decode(delivery),
    deliveries: delivery.deliveries,
    async acknowledge() {
      await leases.acknowledge(name, group, [delivery.offset]);
      // It may have been the last one that somebody waits for.
      hub.changed(name);
    },
    async release() {
      await leases.release(name, group, [delivery.offset]);
      hub.changed(name);
    },
  });

  const receive = async (
    max: number,
    { wait = false, signal }: DequeueOptions,
  ): Promise<LeasedMessage<T>[]> => {
    await opened();
    const watch = hub.watch(name);
    try {
      for (;;) {
        signal?.throwIfAborted();
        const { version } = watch;
        // Where the queue ends is asked first: what comes after that will wake.
        const { next, ending } = await hub.store.read(name, "now");
        const handed = await leases.acquire(name, group, { max, visibilityMs, maxDeliveries });
        if (handed.length > 0 || !wait) return handed.map(leased);
        const expiry = await leases.nextExpiry(name, group);
        if (ending !== undefined && expiry === undefined && watch.version === version) {
          if (ending.status !== "ok") throw endingError(name, ending);
          return [];
        }
        const end = ending === undefined ? next : undefined;
        await somethingToDo(
          hub,
          name,
          { end, expiry },
          (closer) => watch.changedSince(version, closer),
          signal,
        );
      }
    } finally {
      watch.close();
    }
  };

  return {
    group,
    receive: (limit = 1, options = {}) => receive(limit, options),
    async dead() {
      await opened();
      return (await leases.dead(name, group)).map(leased);
    },
    async *[Symbol.asyncIterator]() {
      for (;;) {
        const [message] = await receive(1, { wait: true });
        if (message === undefined) return;
        yield message;
      }
    },
  };
}

/** Resolves when a message came after `end`, a lease ended, or one was given back. */
async function somethingToDo(
  hub: QueueHub,
  name: string,
  { end, expiry }: { readonly end: Offset | undefined; readonly expiry: number | undefined },
  changed: (signal: AbortSignal) => Promise<void>,
  signal: AbortSignal | undefined,
): Promise<void> {
  // It may have aborted while the store was asked, and would not tell again.
  signal?.throwIfAborted();
  const closer = new AbortController();
  const onAbort = (): void => closer.abort(signal?.reason);
  signal?.addEventListener("abort", onAbort, { once: true });
  const cancel =
    expiry === undefined ? undefined : hub.clock.schedule(expiry, () => hub.changed(name));
  const waits = [changed(closer.signal)];
  if (end !== undefined) waits.push(hub.store.wait(name, end, closer.signal));
  try {
    await Promise.race(waits);
  } finally {
    cancel?.();
    signal?.removeEventListener("abort", onAbort);
    closer.abort();
    await Promise.allSettled(waits);
  }
}

function leasesOf(hub: QueueHub): Leases {
  const { leases } = hub.store;
  if (leases !== undefined) return leases;
  throw new QueueError("STORE_FAILED", "This store has no leases; read with a consumer(group).");
}
