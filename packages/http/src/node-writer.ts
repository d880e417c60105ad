import type { ServerResponse } from "node:http";
import type { PulledBody } from "./answer.ts";
import type { Pulse, Pulsed } from "./pulse.ts";

/**
 * Writes to a raw response no faster than the client reads: after a write that did not fit, nothing more
 * is asked for until the socket has drained. A client that takes nothing for too long is cut off; what it
 * missed is in the queue. Every method resolves when the response is over, complete or not.
 */
export class NodeWriter implements Pulsed {
  readonly #response: ServerResponse;
  readonly #pulse: Pulse;
  readonly #slowReaderMs: number;
  /** Since when the client has been taking nothing of what was written. */
  #blockedSince: number | undefined;
  #over = false;
  #resume: (() => void) | undefined;
  #onOver: (() => void) | undefined;

  constructor(response: ServerResponse, pulse: Pulse, slowReaderMs: number) {
    this.#response = response;
    this.#pulse = pulse;
    this.#slowReaderMs = slowReaderMs;
    this.#over = response.destroyed || response.closed;
    if (this.#over) return;
    response.once("close", () => this.#close());
    pulse.add(this);
  }

  /** End the response with what is small enough for one write, or with nothing. */
  async end(piece?: Uint8Array): Promise<void> {
    if (this.#over) return;
    this.#response.end(piece);
    this.#blockedSince = Date.now();
    await this.#untilOver();
  }

  /** Write a body piece by piece until it ends, as it does soon after the client has gone. */
  async pull(body: PulledBody): Promise<void> {
    this.#onOver = () => body.cancel();
    if (this.#over) body.cancel();
    for (let piece = await body.next(); piece !== undefined; piece = await body.next()) {
      await this.#write(piece);
    }
    await this.end();
  }

  pulse(now: number): void {
    const since = this.#blockedSince;
    if (since !== undefined && now - since >= this.#slowReaderMs) this.#response.destroy();
  }

  /** Resolves once the system has taken the piece, so that its memory may be used again. */
  async #write(piece: Uint8Array): Promise<void> {
    this.#blockedSince = Date.now();
    await new Promise<void>((resolve) => {
      this.#resume = resolve;
      const { socket } = this.#response;
      // Else Node corks it until everything else of this turn is done, such as the answer to the append
      // that brought the piece: a live reader got its messages 1.4 times as late.
      socket?.cork();
      this.#response.write(piece, () => resolve());
      socket?.uncork();
    });
    this.#blockedSince = undefined;
  }

  async #untilOver(): Promise<void> {
    while (!this.#over) {
      await new Promise<void>((resolve) => {
        this.#resume = resolve;
      });
    }
  }

  #close(): void {
    this.#over = true;
    this.#pulse.delete(this);
    this.#onOver?.();
    this.#resume?.();
  }
}
