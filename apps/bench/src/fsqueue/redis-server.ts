import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { Redis } from "ioredis";
import type { Durability } from "./live-log.ts";

export interface RedisServer {
  readonly url: string;
  connect(): Redis;
  /** CPU time of the server process so far, in seconds. */
  cpu(): Promise<number>;
  close(): Promise<void>;
}

/** Whether `redis-server` can be started here. */
export async function hasRedis(): Promise<boolean> {
  const child = spawn("redis-server", ["--version"], { stdio: "ignore" });
  try {
    const [code] = (await once(child, "close")) as [number | null];
    return code === 0;
  } catch {
    return false;
  }
}

/**
 * A server of our own: on loopback, on a free port, in this folder. Its append-only file is synced before
 * each answer (`always`), or written before it and synced every second.
 */
export async function startRedis(dir: string, durability: Durability): Promise<RedisServer> {
  const port = await freePort();
  const settings = {
    port,
    bind: "127.0.0.1",
    dir,
    appendonly: "yes",
    appendfsync: durability === "synced" ? "always" : "everysec",
    "auto-aof-rewrite-percentage": 0,
    save: "",
    loglevel: "warning",
  };
  const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const server = spawn("redis-server", args, { stdio: "ignore" });
  const kill = (): void => void server.kill("SIGKILL");
  process.once("exit", kill);
  const connections: Redis[] = [];
  const connect = (): Redis => {
    const connection = new Redis({ port, host: "127.0.0.1", protocol: 2, retryStrategy: () => 20 });
    // Refused until the server is up; then tried again.
    connection.on("error", () => {});
    connections.push(connection);
    return connection;
  };
  const first = connect();
  await first.ping();
  return {
    url: `redis://127.0.0.1:${port}`,
    connect,
    async cpu() {
      const info = await first.info("cpu");
      return ["user", "sys"].reduce(
        (sum, kind) => sum + Number(new RegExp(`used_cpu_${kind}:([\\d.]+)`).exec(info)?.[1] ?? 0),
        0,
      );
    },
    async close() {
      for (const connection of connections) connection.disconnect();
      await stop(server);
      process.off("exit", kill);
    },
  };
}

async function stop(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null) return;
  const closed = once(server, "close");
  server.kill("SIGTERM");
  await closed;
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const address = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  if (address === null || typeof address === "string") throw new Error("no free port");
  return address.port;
}
