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
  #child: ChildProcess;
  #port = 0;

  private constructor(kind: ServerKind, dir: string, child: ChildProcess) {
    this.kind = kind;
    this.#dir = dir;
    this.#child = child;
  }

  static async start(kind: ServerKind): Promise<BenchServer> {
    const dir = await createScratch();
    const server = new BenchServer(kind, dir, launch(kind, dir, 0));
    await server.#listening();
    return server;
  }

  get port(): number {
    return this.#port;
  }

  /** SIGKILL it, and start it again on the same folder and port. */
  async killAndRestart(): Promise<void> {
    const exited = once(this.#child, "exit");
    this.#child.kill("SIGKILL");
    await exited;
    this.#child = launch(this.kind, this.#dir, this.#port);
    await this.#listening();
  }

  async stop(): Promise<void> {
    const exited = once(this.#child, "exit");
    this.#child.kill("SIGKILL");
    await exited;
    await removeScratch(this.#dir);
  }

  /** Resolves when the child listens; rejects when it ends before. */
  async #listening(): Promise<void> {
    const child = this.#child;
    const { url } = await new Promise<{ url: string }>((resolve, reject) => {
      child.once("message", (message) => resolve(message as { url: string }));
      child.once("exit", (code, signal) => {
        reject(
          new Error(`The ${this.kind} server ended with ${code ?? signal} before it listened.`),
        );
      });
    });
    this.#port = Number(new URL(url).port);
  }
}

function launch(kind: ServerKind, dir: string, port: number): ChildProcess {
  const program = join(import.meta.dirname, "serving.js");
  // The reference tells of every reader that went away.
  const errors = kind === "reference" ? "ignore" : "inherit";
  return fork(program, [kind, dir, String(port)], {
    execArgv: [],
    stdio: ["ignore", "ignore", errors, "ipc"],
  });
}
