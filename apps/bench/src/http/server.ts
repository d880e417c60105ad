import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createScratch, removeScratch } from "../fsqueue/scratch.ts";

/** `lazy` is ours, `guarded` the same with rights; `reference` is the protocol's own server in file mode. */
export type ServerKind = "lazy" | "guarded" | "reference";

/** A server in its own process, with its own folder. */
export class BenchServer {
  readonly kind: ServerKind;
  readonly #dir: string;
  #process: ServerProcess;
  #port = 0;

  private constructor(kind: ServerKind, dir: string) {
    this.kind = kind;
    this.#dir = dir;
    this.#process = new ServerProcess(kind, dir, 0);
  }

  static async start(kind: ServerKind): Promise<BenchServer> {
    const server = new BenchServer(kind, await createScratch());
    server.#port = await server.#process.port;
    return server;
  }

  get port(): number {
    return this.#port;
  }

  /** SIGKILL it, and start it again on the same folder and port. */
  async killAndRestart(): Promise<void> {
    await this.#process.kill();
    this.#process = new ServerProcess(this.kind, this.#dir, this.#port);
    await this.#process.port;
  }

  async stop(): Promise<void> {
    await this.#process.kill();
    await removeScratch(this.#dir);
  }
}

class ServerProcess {
  /** Where it listens; rejects when it ends before. */
  readonly port: Promise<number>;
  readonly #child: ChildProcess;
  /** Its exit code, or the signal that ended it. */
  readonly #ended: Promise<number | NodeJS.Signals>;

  constructor(kind: ServerKind, dir: string, port: number) {
    const program = join(import.meta.dirname, "serving.js");
    // The reference tells of every reader that went away.
    const errors = kind === "reference" ? "ignore" : "inherit";
    this.#child = fork(program, [kind, dir, String(port)], {
      execArgv: [],
      stdio: ["ignore", "ignore", errors, "ipc"],
    });
    this.#ended = once(this.#child, "exit").then(
      ([code, signal]) => (code ?? signal) as number | NodeJS.Signals,
    );
    this.port = Promise.race([
      once(this.#child, "message").then(([{ url }]) => Number(new URL(url as string).port)),
      this.#ended.then((how) => {
        throw new Error(`The ${kind} server ended with ${how} before it listened.`);
      }),
    ]);
    this.port.catch(() => {});
  }

  /** Rejects when it had ended by itself. */
  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    const how = await this.#ended;
    if (how !== "SIGKILL") throw new Error(`The server ended by itself with ${how}.`);
  }
}
