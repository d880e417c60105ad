import type { Clock, Store } from "@lazy/fsqueue";
import { QueueError } from "@lazy/fsqueue";
import { RedisClient, type RedisClientOptions, type RedisClientType } from "@redis/client";
import { Connection } from "./connection.ts";
import { isErrorReply, refusedBy, unreachable } from "./errors.ts";
import { Keys } from "./keys.ts";
import { RedisStore } from "./redis-store.ts";
import { promisesOf } from "./server.ts";
import { WriterLease } from "./writer-lease.ts";

/** Options of {@link openRedisStore}. One of `url` and `client` says where the server is. */
export interface RedisStoreOptions {
  /** `redis[s]://[[user][:password]@]host[:port][/database]`. Default: redis://127.0.0.1:6379. */
  readonly url?: string;
  /**
   * A client of `@redis/client` or `redis` whose options (address, credentials, TLS) are used for connections
   * of the store's own; it need not be connected, and stays the caller's. Retries and timeouts are the store's.
   */
  readonly client?: { duplicate(overrides?: Partial<RedisClientOptions>): unknown };
  /** Begins every key. Text without braces. Default "lazy". */
  readonly prefix?: string;
  /** A message with more bytes is `MESSAGE_TOO_LARGE`. Default 8 MiB. */
  readonly maxMessageBytes?: number;
  /**
   * How long a call waits for a connection before it is `STORE_FAILED`, and how long the server may be silent
   * before the connection counts as dead. Default 10,000.
   */
  readonly timeoutMs?: number;
  /**
   * How long after its last sign of life a process counts as dead, and its owned queues as orphans. Shorter
   * finds them sooner, and takes a process that stands still for so long for dead. Default 15,000.
   */
  readonly leaseMs?: number;
  /** For tests. Default: the server's time, which all processes share. */
  readonly clock?: Clock;
}

/**
 * Open the queues in a Redis server (6.2 or later), or those with a prefix in it. Any number of processes, on
 * any number of machines, may write and read them at once. It makes two connections: one for calls, one that
 * waits. Rejects with `STORE_FAILED` when the server cannot be reached within `timeoutMs`, or refuses.
 */
export async function openRedisStore(options: RedisStoreOptions | string = {}): Promise<Store> {
  const asked = typeof options === "string" ? { url: options } : options;
  const { timeoutMs = 10_000, leaseMs = 15_000, maxMessageBytes = 8 << 20 } = asked;
  checkPositive("timeoutMs", timeoutMs);
  checkPositive("leaseMs", leaseMs);
  checkPositive("maxMessageBytes", maxMessageBytes);
  const keys = new Keys(asked.prefix ?? "lazy");
  const lease = new WriterLease((id) => keys.writer(id), leaseMs);
  const client = clientOf(asked, { timeoutMs, disableOfflineQueue: true });
  const subscriber = clientOf(asked, { timeoutMs, disableOfflineQueue: false });
  const connection = new Connection(client, timeoutMs, () => lease.command);
  subscriber.on("error", () => {});
  try {
    await connected([client, subscriber], timeoutMs);
    const { durable } = await promisesOf(client);
    lease.keep(connection);
    const capabilities = {
      persistent: true,
      durable,
      forks: false,
      leases: true,
      readonly: false,
      maxMessageBytes,
    };
    return new RedisStore({
      connection,
      subscriber,
      keys,
      lease,
      capabilities,
      clock: asked.clock,
    });
  } catch (error) {
    client.destroy();
    subscriber.destroy();
    throw error;
  }
}

function clientOf(
  { url, client }: RedisStoreOptions,
  { timeoutMs, disableOfflineQueue }: { timeoutMs: number; disableOfflineQueue: boolean },
): RedisClientType {
  let wasReady = false;
  const own: Partial<RedisClientOptions> = {
    disableOfflineQueue,
    commandOptions: { timeout: 0 },
    maintNotifications: "disabled",
    pingInterval: Math.ceil(timeoutMs / 3),
    socket: {
      connectTimeout: timeoutMs,
      // A server that does not even answer the PINGs is given up.
      socketTimeout: timeoutMs,
      reconnectStrategy: (retries, cause) => {
        // Wrong credentials do not become right; those of a server that restarts do.
        if (!wasReady && isErrorReply(cause) && !cause.message.startsWith("LOADING ")) return cause;
        return Math.min(20 * 2 ** Math.min(retries, 5), 500);
      },
    },
  };
  const made =
    client === undefined
      ? // Without its methods for 400 commands, which take 100 ms to make and which nobody here calls.
        new RedisClient({ ...own, ...(url !== undefined && { url }) })
      : client.duplicate({
          ...own,
          socket: { ...optionsOf(client).socket, ...own.socket } as never,
        });
  const opened = made as RedisClientType;
  if (typeof opened.isReady !== "boolean") {
    throw new TypeError(
      "client is one of a single server, made by createClient; of a cluster there is none yet.",
    );
  }
  opened.on("ready", () => (wasReady = true));
  return opened;
}

function optionsOf(client: object): RedisClientOptions {
  return "options" in client ? (client.options as RedisClientOptions) : {};
}

/** Connects all; rejects with what is wrong, or when it takes too long. */
async function connected(clients: readonly RedisClientType[], timeoutMs: number): Promise<void> {
  let last: unknown;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(unreachable(timeoutMs, last)), timeoutMs);
  });
  for (const client of clients) client.on("error", (error) => (last = error));
  try {
    await Promise.race([Promise.all(clients.map((client) => client.connect())), late]);
  } catch (error) {
    if (error instanceof QueueError) throw error;
    const cause = error instanceof Error && "originalError" in error ? error.originalError : error;
    if (isErrorReply(cause)) throw refusedBy(cause);
    throw new QueueError("STORE_FAILED", `Redis could not be reached: ${String(cause)}`, { cause });
  } finally {
    clearTimeout(timer);
  }
}

function checkPositive(option: string, value: number): void {
  if (Number.isSafeInteger(value) && value > 0) return;
  throw new TypeError(`${option} is an integer above 0, not ${value}.`);
}
