import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import { createInterface } from "node:readline";
import { onTestFinished } from "vitest";

/** Whether Redis is on this machine; throws if it is not where nothing may be skipped. */
export function hasRedis(): boolean {
  if (spawnSync("redis-server", ["--version"]).status === 0) return true;
  const why = "redis-server is not on this machine (apt-get install redis-server).";
  if (process.env["CI"] === "true") throw new Error(`${why} CI must test with it.`);
  console.warn(`Skipped: ${why}`);
  return false;
}

/** A server that keeps everything in memory, until the end of the test; resolves with its address. */
export async function startRedis(): Promise<string> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  const options = ["--port", String(port), "--bind", "127.0.0.1", "--save", "", "--dir", "/"];
  const child = spawn("redis-server", options, { stdio: ["ignore", "pipe", "inherit"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  for await (const line of createInterface({ input: child.stdout })) {
    if (line.includes("Ready to accept connections")) break;
  }
  child.stdout.resume();
  return `redis://127.0.0.1:${port}`;
}
