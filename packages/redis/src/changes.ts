import type { Clock, Offset, WaitSignal } from "@lazy/fsqueue";
import { isQueueError } from "@lazy/fsqueue";
import { offsetInvalid, storeClosed, Waiters } from "@lazy/fsqueue/implementing";
import type { RedisClientType } from "@redis/client";
import { isErrorReply, refusedBy } from "./errors.ts";
import { isOffset } from "./reply.ts";

/** Where a queue stands, as the script tells it. */
export interface Standing {
  /** Of the queue; another one of the name has another. */
  readonly id: string;
  readonly tail: Offset;
  readonly sealed: boolean;
  /** How long it has to live unless it is used, in milliseconds; undefined for ever. */
  readonly rest: number | undefined;
}

/** A channel is listened to this long after the last who waited on it: most wait again at once. */
const lingerMs = 1000;

type Heard = Pick<Standing, "id" | "tail" | "sealed">;

/** One queue that somebody waits for, or did a moment ago. */
interface Watched {
  readonly name: string;
  readonly channel: string;
  readonly waiters: Waiters;
  waiting: number;
  /** When nobody waited any more. */
  leftAt: number;
  /** Resolves once the server tells of changes. */
  listening: Promise<void>;
  isListening: boolean;
  /** Where it stands, as long as no change can have been missed. */
  standing: Standing | undefined;
  /** What was told last. */
  heard: Heard | undefined;
  /** The question where it stands that is under way. */
  looking: Promise<Standing> | undefined;
  /** Grows with everything that happens, so that nothing between a look and a wait is missed. */
  version: number;
  /** Grows when a standing looked up before is of no account any more. */
  epoch: number;
  /** Grows when all who wait must be told, whatever they wait for. */
  calls: number;
  expiresAt: number | undefined;
  cancelExpiry: (() => void) | undefined;
}

/**
 * Wakes those who wait, through one connection for all of them: Redis publishes every change of a queue on a
 * channel of its own. Whoever waits is subscribed first and looks then, so that nothing falls between; after a
 * break of the connection all look again.
 */
export class Changes {
  readonly #client: RedisClientType;
  readonly #clock: Clock;
  readonly #look: (name: string) => Promise<Standing>;
  readonly #watched = new Map<string, Watched>();
  /** Channels that are being left: a new subscription comes after that. */
  readonly #leaving = new Map<string, Promise<void>>();
  readonly #ready = new Waiters();
  readonly #sweeper: NodeJS.Timeout;
  #closed = false;

  constructor(client: RedisClientType, clock: Clock, look: (name: string) => Promise<Standing>) {
    this.#client = client;
    this.#clock = clock;
    this.#look = look;
    client.on("error", () => {});
    client.on("ready", () => this.#lookAgain());
    this.#sweeper = setInterval(() => this.#sweep(), lingerMs);
    this.#sweeper.unref();
  }

  /** Resolves when there is something to read after `after`, or the queue is gone. */
  async wait(
    name: string,
    channel: string,
    after: Offset,
    signal: WaitSignal | undefined,
  ): Promise<void> {
    if (this.#closed) throw storeClosed();
    const watched = this.#enter(name, channel);
    const { calls } = watched;
    try {
      if (await this.#begin(watched, after, signal)) return;
      for (;;) {
        const { version } = watched;
        const standing = watched.standing ?? (await this.#stillStands(watched, signal));
        if (standing === undefined || isNews(standing, after) || watched.calls !== calls) return;
        if (this.#closed) throw storeClosed();
        if (watched.version !== version) continue;
        if (this.#isDue(watched)) forget(watched);
        else await watched.waiters.wait(signal);
      }
    } finally {
      this.#leave(watched);
    }
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#sweeper);
    for (const watched of this.#watched.values()) {
      watched.cancelExpiry?.();
      watched.version += 1;
      watched.waiters.fail(storeClosed());
    }
    this.#watched.clear();
    this.#ready.fail(storeClosed());
    this.#client.destroy();
  }

  /** Whether there is news already. Asks at once, so before whatever this process calls next. */
  async #begin(watched: Watched, after: Offset, signal: WaitSignal | undefined): Promise<boolean> {
    let { standing } = watched;
    if (standing === undefined || !isOffset(after) || after > standing.tail) {
      standing = await unlessAborted(this.#ask(watched), signal);
    }
    if (!isOffset(after) || after > standing.tail) {
      throw offsetInvalid(watched.name, after, standing.tail);
    }
    return isNews(standing, after);
  }

  /** Where the queue stands; undefined when it went away meanwhile, which the next read tells. */
  async #stillStands(
    watched: Watched,
    signal: WaitSignal | undefined,
  ): Promise<Standing | undefined> {
    try {
      return await unlessAborted(this.#stands(watched), signal);
    } catch (error) {
      if (!isQueueError(error, "QUEUE_NOT_FOUND")) throw error;
      watched.calls += 1;
      watched.waiters.wake();
      return undefined;
    }
  }

  /** Where the queue stands, asked after the server began to tell of changes. */
  async #stands(watched: Watched): Promise<Standing> {
    await watched.listening;
    if (watched.looking !== undefined) return watched.looking;
    const looking = this.#ask(watched);
    watched.looking = looking;
    try {
      return await looking;
    } finally {
      if (watched.looking === looking) watched.looking = undefined;
    }
  }

  async #ask(watched: Watched): Promise<Standing> {
    const { epoch, isListening } = watched;
    // Rather too early than too late: whoever looks then is told how much longer.
    const now = this.#clock.now();
    const standing = await this.#look(watched.name);
    if (!isListening || watched.epoch !== epoch) return standing;
    // What was told meanwhile, through another connection, may be newer.
    watched.standing = newer(standing, watched.heard);
    watched.expiresAt = standing.rest === undefined ? undefined : now + standing.rest;
    return watched.standing;
  }

  #enter(name: string, channel: string): Watched {
    let watched = this.#watched.get(channel);
    if (watched === undefined) {
      watched = {
        name,
        channel,
        waiters: new Waiters(),
        waiting: 0,
        leftAt: 0,
        listening: this.#listen(channel),
        isListening: false,
        standing: undefined,
        heard: undefined,
        looking: undefined,
        version: 0,
        epoch: 0,
        calls: 0,
        expiresAt: undefined,
        cancelExpiry: undefined,
      };
      const made = watched;
      watched.listening.then(
        () => (made.isListening = true),
        // Told to whoever waits for it; the next one tries again.
        () => this.#watched.delete(channel),
      );
      this.#watched.set(channel, watched);
    }
    watched.waiting += 1;
    return watched;
  }

  #leave(watched: Watched): void {
    watched.waiting -= 1;
    if (watched.waiting > 0) return;
    watched.leftAt = Date.now();
    watched.cancelExpiry?.();
    watched.cancelExpiry = undefined;
  }

  async #listen(channel: string): Promise<void> {
    await this.#leaving.get(channel);
    while (!this.#closed) {
      try {
        await this.#client.subscribe(channel, this.#receive);
        return;
      } catch (error) {
        if (isErrorReply(error)) throw refusedBy(error);
        // The connection broke meanwhile; on the next one it is tried again.
        if (!this.#client.isReady) await this.#ready.wait();
      }
    }
    throw storeClosed();
  }

  readonly #receive = (message: string, channel: string): void => {
    const watched = this.#watched.get(channel);
    if (watched === undefined) return;
    if (message === "gone" || message === "made") forget(watched);
    if (message === "gone" || message === "made" || message === "released") watched.calls += 1;
    else {
      const [tail = "", id = "", sealed] = message.split(" ");
      watched.heard = { id, tail, sealed: sealed !== undefined };
      if (watched.standing !== undefined) watched.standing = newer(watched.standing, watched.heard);
    }
    watched.version += 1;
    watched.waiters.wake();
  };

  #lookAgain(): void {
    for (const watched of this.#watched.values()) {
      forget(watched);
      watched.version += 1;
      watched.waiters.wake();
    }
    this.#ready.wake();
  }

  /** Whether the queue would be gone by now if nobody has used it. If not, looks when it would be. */
  #isDue(watched: Watched): boolean {
    const { expiresAt } = watched;
    if (expiresAt === undefined || watched.cancelExpiry !== undefined) return false;
    if (expiresAt <= this.#clock.now()) {
      watched.expiresAt = undefined; // one of those who wait looks, for all
      return true;
    }
    watched.cancelExpiry = this.#clock.schedule(expiresAt, () => {
      watched.cancelExpiry = undefined;
      forget(watched);
      watched.version += 1;
      watched.waiters.wake();
    });
    return false;
  }

  #sweep(): void {
    const before = Date.now() - lingerMs;
    for (const [channel, watched] of this.#watched) {
      if (watched.waiting > 0 || watched.leftAt > before) continue;
      this.#watched.delete(channel);
      const left = watched.listening
        .then(() => this.#client.unsubscribe(channel))
        .catch(() => {})
        .finally(() => this.#leaving.delete(channel));
      this.#leaving.set(channel, left);
    }
  }
}

function forget(watched: Watched): void {
  watched.standing = undefined;
  watched.heard = undefined;
  watched.looking = undefined;
  watched.epoch += 1;
}

/** Both are true of one queue at different times: the later is further on. Unless they are of two queues. */
function newer(standing: Standing, heard: Heard | undefined): Standing {
  if (heard?.id !== standing.id) return standing;
  const tail = heard.tail > standing.tail ? heard.tail : standing.tail;
  return { ...standing, tail, sealed: standing.sealed || heard.sealed };
}

function isNews(standing: Standing, after: Offset): boolean {
  return standing.sealed || standing.tail > after;
}

/** As the promise, unless the signal comes first. Leaves no listener. */
async function unlessAborted<T>(promise: Promise<T>, signal: WaitSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  const aborted = new Waiters();
  try {
    return await Promise.race([promise, aborted.wait(signal) as Promise<never>]);
  } finally {
    aborted.wake();
  }
}
