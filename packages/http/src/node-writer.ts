import type { ServerResponse } from "node:http";
import type { PulledBody } from "./answer.ts";
import type { HandlerInside } from "./handler.ts";
import type { Pulsed } from "./pulse.ts";

const pieceBytes = 64 * 1024;

/**
 * Writes to a raw response no faster than the client reads: after a write that did not fit, nothing more
 * is asked for until the socket has drained. A client that drains nothing for too long is cut off; what it
 * missed is in the queue.
 */
export class NodeWriter implements Pulsed {
  readonly #response: ServerResponse;
  readonly #inside: HandlerInside;
  #blockedSince: number | undefined;
  #resume: (() => void) | undefined;

  constructor(response: ServerResponse, inside: HandlerInside) {
    this.#response = response;
    this.#inside = inside;
  }

  /** Write a body piece by piece until it ends or the client has gone. */
  async pull(body: PulledBody): Promise<void> {
    const gone = (): void => body.cancel();
    this.#response.once("close", gone);
    if (this.#response.closed || this.#response.destroyed) gone();
    await this.#watched(async () => {
      try {
        for (let piece = await body.next(); piece !== undefined; piece = await body.next()) {
          await this.#write(piece);
        }
        this.#response.end();
      } finally {
        this.#response.off("close", gone);
        body.cancel();
      }
    });
  }

  /** Write what is in memory already, in pieces small enough to see whether the client reads. */
  async writeAll(pieces: readonly Uint8Array[]): Promise<void> {
    await this.#watched(async () => {
      for (const piece of pieces) {
        for (let from = 0; from < piece.byteLength; from += pieceBytes) {
          await this.#write(piece.subarray(from, from + pieceBytes));
        }
      }
      this.#response.end();
    });
  }

  pulse(now: number): void {
    const since = this.#blockedSince;
    if (since !== undefined && now - since >= this.#inside.slowReaderMs) this.#response.destroy();
  }

  async #watched(work: () => Promise<void>): Promise<void> {
    const resume = (): void => {
      this.#blockedSince = undefined;
      this.#resume?.();
    };
    this.#response.on("drain", resume);
    this.#response.on("close", resume);
    this.#inside.pulse.add(this);
    try {
      await work();
    } finally {
      this.#inside.pulse.delete(this);
      this.#response.off("drain", resume);
      this.#response.off("close", resume);
    }
  }

  async #write(piece: Uint8Array): Promise<void> {
    if (this.#response.destroyed || this.#response.write(piece)) return;
    this.#blockedSince = Date.now();
    await new Promise<void>((resolve) => {
      this.#resume = resolve;
    });
  }
}
