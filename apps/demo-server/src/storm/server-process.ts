import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

export interface ServerProcess {
  readonly url: string;
  readonly process: ChildProcess;
  /** All it has printed. */
  output(): string;
  /** Send a signal and wait for the end; resolves with the exit code, or the signal that ended it. */
  end(signal: "SIGTERM" | "SIGINT" | "SIGKILL"): Promise<number | string>;
}

const main = new URL("../../dist/main.js", import.meta.url).pathname;

/**
 * Start the demo server in a process of its own, on a port the system chooses, and wait until it listens. Its
 * model is the seeded generator unless `env` says otherwise.
 */
export async function startServerProcess(
  options: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<ServerProcess> {
  const { LLM_BASE_URL: _url, LLM_MODEL: _model, LLM_API_KEY: _key, ...inherited } = process.env;
  const child = spawn(process.execPath, [main, "--port", "0", ...options], {
    env: { ...inherited, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let printed = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => (printed += text));
  }
  const ended = once(child, "close");
  const lines = createInterface({ input: child.stdout });
  const listening = once(lines, "line").then(
    ([line]) => /http:\/\/[^\s,]+/.exec(String(line))?.[0],
  );
  const url = await Promise.race([listening, ended.then(() => undefined)]);
  if (url === undefined) throw new Error(`the demo server ended before it listened: ${printed}`);
  return {
    url,
    process: child,
    output: () => printed,
    async end(signal) {
      child.kill(signal);
      const [code, endedBy] = (await ended) as [number | null, string | null];
      return code ?? endedBy ?? "unknown";
    },
  };
}
