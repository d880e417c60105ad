import type { QueueInfo } from "@lazy/fsqueue";
import type { Connection } from "./connection.ts";
import type { Keys } from "./keys.ts";
import type { WriterLease } from "./writer-lease.ts";

/** What is done with orphans. Rejects if it could not be done. */
export type Settle = (orphans: readonly QueueInfo[]) => Promise<void>;

/**
 * Finds out that a process died while this one lives. Writers that own queues are in a set; whoever watches
 * looks which of them live, and looks for orphans only when one does not. One process at a time settles them:
 * the one that holds a key which expires unless it is renewed.
 */
export class OrphanWatch {
  readonly #connection: Connection;
  readonly #keys: Keys;
  readonly #lease: WriterLease;
  readonly #find: () => Promise<readonly QueueInfo[]>;
  readonly #settles = new Set<Settle>();
  #owns = false;
  /** Whether queues of writers that are in no set may be orphans: so it is until all were looked at once. */
  #unsure = true;
  #timer: NodeJS.Timeout | undefined;
  #looking = false;

  constructor(
    connection: Connection,
    keys: Keys,
    lease: WriterLease,
    find: () => Promise<readonly QueueInfo[]>,
  ) {
    this.#connection = connection;
    this.#keys = keys;
    this.#lease = lease;
    this.#find = find;
  }

  /** This process owns a queue from now on. Sent before whatever is called next. */
  enlist(): void {
    if (this.#owns) return;
    this.#owns = true;
    this.#say().catch(() => {}); // it is said again
    this.#keep();
  }

  /** See `Store.settleOrphans`. */
  async settle(settle: Settle): Promise<() => void> {
    await this.#inCharge(async () => {
      await settle(await this.#find());
      this.#unsure = false;
    });
    this.#settles.add(settle);
    this.#keep();
    return () => this.#settles.delete(settle);
  }

  end(): void {
    clearInterval(this.#timer);
    this.#settles.clear();
  }

  #keep(): void {
    if (this.#timer !== undefined) return;
    const look = (): void => {
      // What keeps it from looking is told by the calls that matter; it looks again.
      if (!this.#looking) this.#look().catch(() => {});
    };
    this.#timer = setInterval(look, this.#lease.ms / 3);
    this.#timer.unref();
  }

  async #look(): Promise<void> {
    this.#looking = true;
    try {
      if (this.#owns) await this.#say();
      if (this.#settles.size === 0) return;
      const lost = await this.#lost();
      if (lost.length === 0 && !this.#unsure) return;
      await this.#inCharge(async () => {
        const orphans = await this.#find();
        if (orphans.length > 0) for (const settle of this.#settles) await settle(orphans);
        this.#unsure = false;
        if (lost.length > 0) await this.#call("SREM", this.#keys.writers, ...lost);
      });
    } finally {
      this.#looking = false;
    }
  }

  /** Again and again: whoever took this process for dead has struck it off. */
  async #say(): Promise<void> {
    const { id, ms } = this.#lease;
    await this.#call("SADD", this.#keys.writers, id);
    await this.#call("PEXPIRE", this.#keys.writers, String(10 * ms));
  }

  /** The writers that are gone. */
  async #lost(): Promise<string[]> {
    const members = (await this.#call("SMEMBERS", this.#keys.writers)) as readonly Buffer[];
    const others = members.map(String).filter((writer) => writer !== this.#lease.id);
    const live = await Promise.all(
      others.map((writer) => this.#call("EXISTS", this.#keys.writer(writer))),
    );
    return others.filter((_, index) => live[index] === 0);
  }

  /** Does it unless another process is at it, and that one has not died meanwhile. */
  async #inCharge(task: () => Promise<void>): Promise<void> {
    const { id, ms } = this.#lease;
    const take = ["SET", this.#keys.settler, id, "PX", String(ms)];
    if ((await this.#call(...take, "NX")) === null) {
      if (String(await this.#call("GET", this.#keys.settler)) !== id) return;
      await this.#call(...take);
    }
    const renewal = setInterval(() => void this.#call(...take).catch(() => {}), ms / 3);
    renewal.unref();
    try {
      await task();
    } finally {
      clearInterval(renewal);
      await this.#release().catch(() => {}); // it expires
    }
  }

  async #release(): Promise<void> {
    const { settler } = this.#keys;
    if (String(await this.#call("GET", settler)) === this.#lease.id)
      await this.#call("DEL", settler);
  }

  #call(...args: readonly string[]): Promise<unknown> {
    return this.#connection.call(args, { repeatable: true });
  }
}
