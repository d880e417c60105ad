import { randomUUID } from "node:crypto";
import type { Connection } from "./connection.ts";

/**
 * Says that this process lives: a key that expires unless it is renewed. Queues name the writer that owns
 * them; one whose key is gone is lost.
 */
export class WriterLease {
  readonly id: string = randomUUID();
  /** How long it lasts after its last renewal. */
  readonly ms: number;
  readonly #key: string;
  #timer: NodeJS.Timeout | undefined;

  constructor(keyOf: (id: string) => string, ms: number) {
    this.#key = keyOf(this.id);
    this.ms = ms;
  }

  /** The command that begins and renews it. */
  get command(): string[] {
    return ["SET", this.#key, "1", "PX", String(this.ms)];
  }

  /** Renew it until it is ended. */
  keep(connection: Connection): void {
    this.#timer = setInterval(() => {
      // What keeps it from being renewed is told by the calls that matter.
      connection.call(this.command, { repeatable: true }).catch(() => {});
    }, this.ms / 3);
    this.#timer.unref();
  }

  /** Renew it no more; gives the command that ends it. */
  end(): string[] {
    clearInterval(this.#timer);
    return ["DEL", this.#key];
  }
}
