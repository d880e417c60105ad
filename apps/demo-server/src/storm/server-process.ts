import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

export interface ServerProcess {
  readonly url: string;
  readonly process: ChildProcess;
  /** Send a signal and wait for the end; resolves with the exit code, or the signal that ended it. */
  end(signal: "SIGTERM" | "SIGINT" | "SIGKILL"): Promise<number | string>;
}

const main = new URL("../../dist/main.js", import.meta.url).pathname;

/** Start the demo server in a process of its own, on a port the system chooses, and wait until it listens. */
export async function startServerProcess(options: readonly string[]): Promise<ServerProcess> {
  const child = spawn(process.execPath, [main, "--port", "0", ...options], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = once(child, "close");
  const lines = createInterface({ input: child.stdout });
  const listening = once(lines, "line").then(
    ([line]) => /http:\/\/[^\s,]+/.exec(String(line))?.[0],
  );
  const url = await Promise.race([listening, ended.then(() => undefined)]);
  if (url === undefined) throw new Error("the demo server ended before it listened");
  // Nothing else it prints is needed, but it must not wait for a reader.
  lines.on("line", () => {});
  return {
    url,
    process: child,
    async end(signal) {
      child.kill(signal);
      const [code, endedBy] = (await ended) as [number | null, string | null];
      return code ?? endedBy ?? "unknown";
    },
  };
}
