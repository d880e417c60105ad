import type { Redis } from "ioredis";
import type { LiveLog, OpenLiveLog } from "./live-log.ts";
import { startRedis } from "./redis-server.ts";

/** One blocking reader waits for so many streams. */
const STREAMS_PER_READER = 1000;

/** Redis Streams: appends of one turn of the event loop leave in one pipeline; readers block on many streams at once. */
export const openRedisLog: OpenLiveLog = async ({ dir, durability }) => {
  const server = await startRedis(dir, durability);
  const writer = server.connect();
  const log = createRedisLog(writer, () => server.connect());
  return {
    ...log,
    async close() {
      await log.close();
      await server.close();
    },
  };
};

type Receive = (message: Uint8Array) => boolean;
type Entries = [id: Buffer, fields: Buffer[]][];

function createRedisLog(writer: Redis, connect: () => Redis): LiveLog {
  const readers: Reader[] = [];
  return {
    append: (stream, message) => writer.xadd(String(stream), "*", "m", message),
    follow(stream, receive) {
      const at = Math.floor(stream / STREAMS_PER_READER);
      const reader = (readers[at] ??= new Reader(connect()));
      return reader.add(String(stream), receive);
    },
    async close() {
      for (const reader of readers) reader.closed = true;
    },
  };
}

/** Reads many streams through one connection. */
class Reader {
  readonly #connection: Redis;
  readonly #streams = new Map<
    string,
    { last: Buffer | string; receive: Receive; resolve: () => void; reject: (e: unknown) => void }
  >();
  #started = false;
  closed = false;

  constructor(connection: Redis) {
    this.#connection = connection;
  }

  add(key: string, receive: Receive): Promise<void> {
    if (!this.#started) {
      this.#started = true;
      setImmediate(() => void this.#read());
    }
    return new Promise((resolve, reject) => {
      this.#streams.set(key, { last: "0", receive, resolve, reject });
    });
  }

  async #read(): Promise<void> {
    try {
      while (this.#streams.size > 0 && !this.closed) {
        const ids = [...this.#streams.values()].map(({ last }) => last);
        const found = (await this.#connection.callBuffer("XREAD", [
          "COUNT",
          1000,
          "BLOCK",
          5000,
          "STREAMS",
          ...this.#streams.keys(),
          ...ids,
        ])) as [Buffer, Entries][] | null;
        for (const [key, entries] of found ?? []) this.#deliver(key.toString(), entries);
      }
    } catch (error) {
      if (!this.closed) for (const { reject } of this.#streams.values()) reject(error);
    }
  }

  #deliver(key: string, entries: Entries): void {
    const stream = this.#streams.get(key)!;
    for (const [id, fields] of entries) {
      stream.last = id;
      if (!stream.receive(fields[1]!)) continue;
      this.#streams.delete(key);
      stream.resolve();
      return;
    }
  }
}
