import { randomUUID } from "node:crypto";
import type {
  AppendOptions,
  AppendReceipt,
  Clock,
  Ending,
  Leases,
  Offset,
  OpenOptions,
  Position,
  QueueInfo,
  ReadOptions,
  ReadResult,
  SealOptions,
  Store,
  StoreCapabilities,
  StoredMessage,
  StoreStats,
  WaitSignal,
} from "@lazy/fsqueue";
import {
  checkName,
  checkOpenOptions,
  checkProducer,
  cursorConflict,
  differingOptions,
  messageTooLarge,
  queueExists,
  storeClosed,
  systemClock,
} from "@lazy/fsqueue/implementing";
import type { RedisArgument, RedisClientType } from "@redis/client";
import { Changes, type Standing } from "./changes.ts";
import type { Connection } from "./connection.ts";
import { type Asked, noForks, refusal } from "./errors.ts";
import type { Keys } from "./keys.ts";
import { createLeases } from "./leases.ts";
import { OrphanWatch, type Settle } from "./orphan-watch.ts";
import { infoOf, specOf } from "./queue-info.ts";
import { endingOf, listOf, messageOf, type Reply, textOf } from "./reply.ts";
import { scanNames } from "./scan.ts";
import type { WriterLease } from "./writer-lease.ts";

/** Redis takes a command of about a million parts; more in one append would break the connection. */
const mostMessages = 500_000;

/** So many queues are asked about at a time. */
const pageOfInfos = 500;

const alreadyDurable = Promise.resolve();

interface Call {
  readonly args?: readonly RedisArgument[];
  readonly asked?: Asked;
  readonly repeatable?: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** What {@link RedisStore} is made of. */
export interface RedisStoreParts {
  readonly connection: Connection;
  /** Connected, and used for nothing but waiting. */
  readonly subscriber: RedisClientType;
  readonly keys: Keys;
  readonly lease: WriterLease;
  readonly capabilities: StoreCapabilities;
  /** Undefined: the server's. */
  readonly clock: Clock | undefined;
}

/** Queues in Redis. What must happen in one step happens in the script; see script/. */
export class RedisStore implements Store {
  readonly capabilities: StoreCapabilities;
  readonly leases: Leases;
  readonly #connection: Connection;
  readonly #keys: Keys;
  readonly #lease: WriterLease;
  readonly #clock: Clock | undefined;
  readonly #changes: Changes;
  readonly #watch: OrphanWatch;
  /** Open queues that were this writer's when it last looked: should another own one now, it is fenced off. */
  readonly #owned = new Set<string>();
  #closing: Promise<void> | undefined;

  constructor({ connection, subscriber, keys, lease, capabilities, clock }: RedisStoreParts) {
    this.capabilities = capabilities;
    this.#connection = connection;
    this.#keys = keys;
    this.#lease = lease;
    this.#clock = clock;
    this.#changes = new Changes(subscriber, clock ?? systemClock, (name) => this.#look(name));
    this.#watch = new OrphanWatch(connection, keys, lease, () => this.orphans());
    this.leases = createLeases((name, operation, args) => this.#run(name, operation, { args }));
  }

  async open(name: string, options?: OpenOptions): Promise<{ created: boolean; info: QueueInfo }> {
    this.#check(name);
    const asked = options ?? {};
    checkOpenOptions(asked);
    if (asked.fork !== undefined) throw noForks(name);
    const { messages = [], ttlMs = "", expiresAt = "", ending } = asked;
    this.#checkSizes(name, messages);
    const args = [
      options === undefined ? "" : "given",
      specOf(asked),
      randomUUID(),
      String(ttlMs),
      String(expiresAt),
      String(asked.maxMessages ?? ""),
      String(asked.maxBytes ?? ""),
      asked.owned === true ? this.#lease.id : "",
      ending === undefined ? "" : JSON.stringify(ending),
      ...messages.map(copyOf),
    ];
    if (asked.owned === true) this.#watch.enlist();
    const reply = await this.#try(name, "open", { args });
    if (textOf(reply[0]) === "QUEUE_EXISTS") {
      throw queueExists(name, differingOptions(infoOf(name, listOf(reply[1])).info, asked));
    }
    if (textOf(reply[0]) !== "ok") throw refusal(name, reply, {});
    const { info, writer } = infoOf(name, listOf(reply[2]));
    if (isOwned(info) && (writer === this.#lease.id || (await this.#claim(name, writer)))) {
      this.#owned.add(name);
    }
    return { created: textOf(reply[1]) === "1", info };
  }

  async append(
    name: string,
    batch: readonly Uint8Array[],
    options: AppendOptions = {},
  ): Promise<AppendReceipt> {
    this.#check(name);
    if (batch.length === 0) throw new TypeError("An append needs at least one message.");
    return this.#append(name, batch, options, "");
  }

  async seal(name: string, ending: Ending, options: SealOptions = {}): Promise<AppendReceipt> {
    this.#check(name);
    const { messages = [] } = options;
    const receipt = await this.#append(name, messages, options, JSON.stringify(ending));
    this.#owned.delete(name);
    return receipt;
  }

  async read(name: string, from: Position, options: ReadOptions = {}): Promise<ReadResult> {
    this.#check(name);
    const { max = 1000, maxBytes = 1 << 20 } = options;
    const [found, next, tail, end] = await this.#run(name, "read", {
      args: [from, String(max), String(maxBytes)],
      asked: { offset: from },
      repeatable: true,
    });
    const atEnd = textOf(next) === textOf(tail);
    const ending = endingOf(end);
    return {
      messages: listOf(found).map(messageOf),
      next: textOf(next),
      atEnd,
      ...(ending !== undefined && { ending }),
    };
  }

  async wait(name: string, after: Offset, signal?: WaitSignal): Promise<void> {
    if (signal?.aborted === true) throw signal.reason;
    this.#check(name);
    await this.#changes.wait(name, this.#keys.channel(name), after, signal);
  }

  async take(name: string, max: number): Promise<readonly StoredMessage[]> {
    this.#check(name);
    const [taken] = await this.#run(name, "take", { args: [String(max)] });
    return listOf(taken).map(messageOf);
  }

  async trim(name: string, upTo: Offset | "now"): Promise<number> {
    this.#check(name);
    const [count] = await this.#run(name, "trim", { args: [upTo], asked: { offset: upTo } });
    return Number(textOf(count));
  }

  async remove(name: string): Promise<boolean> {
    this.#check(name);
    const reply = await this.#try(name, "remove", {});
    this.#owned.delete(name);
    return textOf(reply[0]) === "ok";
  }

  readonly cursors: Store["cursors"] = {
    get: async (name, group) => {
      this.#check(name);
      const [offset] = await this.#run(name, "cursor", { args: [group], repeatable: true });
      return optional(offset);
    },
    set: async (name, group, offset, options) => {
      this.#check(name);
      const expect = options === undefined ? "" : `=${options.expect ?? ""}`;
      const reply = await this.#try(name, "commit", { args: [group, offset, expect] });
      if (textOf(reply[0]) === "CURSOR_CONFLICT") {
        throw cursorConflict(name, group, options?.expect, optional(reply[1]));
      }
      if (textOf(reply[0]) !== "ok") throw refusal(name, reply, { offset });
    },
  };

  async info(name: string): Promise<QueueInfo | undefined> {
    this.#check(name);
    return (await this.#describe(name))?.info;
  }

  async *list(prefix = ""): AsyncIterable<QueueInfo> {
    for await (const { info } of this.#all(prefix)) {
      this.#checkOpen();
      yield info;
    }
  }

  async orphans(): Promise<readonly QueueInfo[]> {
    const owned: { readonly info: QueueInfo; readonly writer: string }[] = [];
    for await (const one of this.#all("")) {
      if (isOwned(one.info) && one.writer !== this.#lease.id) owned.push(one);
    }
    const writers = [...new Set(owned.map(({ writer }) => writer))];
    const lives = await Promise.all(writers.map((writer) => this.#lives(writer)));
    const lost = new Set(writers.filter((_, index) => lives[index] === false));
    return owned.filter(({ writer }) => lost.has(writer)).map(({ info }) => info);
  }

  settleOrphans(settle: Settle): Promise<() => void> {
    this.#checkOpen();
    return this.#watch.settle(settle);
  }

  async stats(): Promise<StoreStats> {
    let [queues, messages, bytes] = [0, 0, 0];
    for await (const { info } of this.#all("")) {
      queues += 1;
      messages += info.messages;
      bytes += info.bytes;
    }
    return { queues, messages, bytes, diskBytes: 0, syncs: 0 };
  }

  /** Everything acknowledged has what the server gives: there is nothing left to do. */
  async flush(): Promise<void> {
    this.#checkOpen();
  }

  close(): Promise<void> {
    if (this.#closing === undefined) {
      this.#watch.end();
      this.#closing = this.#connection.close(this.#lease.end());
      this.#changes.close();
    }
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #append(
    name: string,
    batch: readonly Uint8Array[],
    { producer, expect, order, signal }: AppendOptions,
    ending: string,
  ): Promise<AppendReceipt> {
    signal?.throwIfAborted();
    if (producer !== undefined) checkProducer(producer);
    this.#checkSizes(name, batch);
    const reply = await this.#run(name, "append", {
      args: [
        producer?.id ?? "",
        String(producer?.epoch ?? ""),
        String(producer?.sequence ?? ""),
        expect === undefined ? "" : `=${expect}`,
        order === undefined ? "" : `=${order}`,
        ending,
        this.#owned.has(name) ? this.#lease.id : "",
        ...batch.map(copyOf),
      ],
      asked: { producer, expect, order },
      // Ending it twice changes nothing; adding something twice does.
      repeatable: ending !== "" && batch.length === 0 && expect === undefined,
      signal,
    });
    const [offset = "", duplicate, sequence = ""] = reply.map(textOf);
    return {
      offset,
      duplicate: duplicate === "1",
      ...(sequence !== "" && { sequence: Number(sequence) }),
      durable: alreadyDurable,
    };
  }

  /** Take over from a writer that is gone; false if it is not, or another was faster. */
  async #claim(name: string, writer: string): Promise<boolean> {
    if (await this.#lives(writer)) return false;
    this.#watch.enlist();
    const [claimed] = await this.#run(name, "claim", { args: [writer, this.#lease.id] });
    return textOf(claimed) === "1";
  }

  async #lives(writer: string): Promise<boolean> {
    const reply = await this.#connection.call(["EXISTS", this.#keys.writer(writer)], {
      repeatable: true,
    });
    return reply === 1;
  }

  async #look(name: string): Promise<Standing> {
    const [tail, sealed, rest, id] = await this.#run(name, "look", { repeatable: true });
    const left = Number(textOf(rest));
    return {
      id: textOf(id),
      tail: textOf(tail),
      sealed: textOf(sealed) === "1",
      // Redis' own key is there during the last millisecond.
      rest: left < 0 ? undefined : left + (this.#clock === undefined ? 1 : 0),
    };
  }

  async #describe(name: string): Promise<{ info: QueueInfo; writer: string } | undefined> {
    const reply = await this.#try(name, "info", { repeatable: true });
    return textOf(reply[0]) === "ok" ? infoOf(name, listOf(reply[1])) : undefined;
  }

  /** Every queue whose name starts with this, sorted bytewise by name. */
  async *#all(prefix: string): AsyncIterable<{ info: QueueInfo; writer: string }> {
    this.#checkOpen();
    const names = await scanNames(this.#connection, this.#keys, prefix);
    for (let at = 0; at < names.length; at += pageOfInfos) {
      const page = names.slice(at, at + pageOfInfos);
      for (const one of await Promise.all(page.map((name) => this.#describe(name)))) {
        if (one !== undefined) yield one;
      }
    }
  }

  /** What follows `ok`; rejects with the error that is told instead. */
  async #run(name: string, operation: string, call: Call): Promise<readonly Reply[]> {
    const reply = await this.#try(name, operation, call);
    if (textOf(reply[0]) !== "ok") throw refusal(name, reply, call.asked ?? {});
    return reply.slice(1);
  }

  async #try(name: string, operation: string, call: Call): Promise<readonly Reply[]> {
    this.#check(name);
    const now = this.#clock === undefined ? "" : String(this.#clock.now());
    const answer = this.#connection.run(
      this.#keys.of(name),
      [operation, now, ...(call.args ?? [])],
      { repeatable: call.repeatable ?? false },
    );
    return listOf(await (call.signal === undefined ? answer : unlessAborted(answer, call.signal)));
  }

  #check(name: string): void {
    this.#checkOpen();
    checkName(name);
  }

  #checkOpen(): void {
    if (this.#closing !== undefined) throw storeClosed();
  }

  #checkSizes(name: string, batch: readonly Uint8Array[]): void {
    if (batch.length > mostMessages) {
      throw new TypeError(`An append has at most ${mostMessages} messages, not ${batch.length}.`);
    }
    const most = this.capabilities.maxMessageBytes;
    for (const { length } of batch) if (length > most) throw messageTooLarge(name, length, most);
  }
}

/** It is sent later, and may be changed meanwhile. */
function copyOf(data: Uint8Array): Buffer {
  return Buffer.from(data);
}

function isOwned(info: QueueInfo): boolean {
  return info.owned && info.ending === undefined;
}

function optional(reply: Reply | undefined): string | undefined {
  const text = textOf(reply);
  return text === "" ? undefined : text;
}

function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason as Error);
    signal.addEventListener("abort", onAbort, { once: true });
    const done = (): void => signal.removeEventListener("abort", onAbort);
    promise.then(resolve, reject).finally(done);
  });
}
