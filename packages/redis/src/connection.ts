import { QueueError } from "@lazy/fsqueue";
import { storeClosed } from "@lazy/fsqueue/implementing";
import { type RedisArgument, type RedisClientType, RESP_TYPES } from "@redis/client";
import { isErrorReply, outcomeUnknown, refusedBy, unreachable } from "./errors.ts";
import type { Reply } from "./reply.ts";
import { sha, source } from "./script/script.ts";

interface Call {
  readonly args: readonly RedisArgument[];
  /** Whether it changes nothing, or nothing more when made again. */
  readonly repeatable: boolean;
  readonly resolve: (reply: Reply) => void;
  readonly reject: (error: unknown) => void;
  /** When it gives up waiting for a connection. */
  until: number;
  /** How often its connection broke. */
  breaks: number;
}

const bytesForText = { typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer } };

/** How long to let a server load its files before asking it again. */
const lookAgainMs = 25;

/** A call that is harmless to repeat is made again as often as this when its connection breaks. */
const mostBreaks = 5;

/**
 * The connection for all calls but the waiting ones. Calls reach the server in their order, and those of one
 * turn in one write. While there is no connection they are held back, at most `timeoutMs`. One whose
 * connection breaks before the answer is made again if that is harmless, else it is `OUTCOME_UNKNOWN`.
 */
export class Connection {
  readonly #client: RedisClientType;
  readonly #timeoutMs: number;
  /** What must be done on each new connection before anything else. */
  readonly #greet: () => readonly RedisArgument[] | undefined;
  #ready = false;
  #closed = false;
  #inFlight = 0;
  /** To be made again, before what is held back. */
  #again: Call[] = [];
  #held: Call[] = [];
  #timer: NodeJS.Timeout | undefined;
  /** Grows with every try to get ready, so that only the last one counts. */
  #turn = 0;
  #lastError: unknown;
  #idle: (() => void) | undefined;

  constructor(
    client: RedisClientType,
    timeoutMs: number,
    greet: () => readonly RedisArgument[] | undefined,
  ) {
    this.#client = client;
    this.#timeoutMs = timeoutMs;
    this.#greet = greet;
    client.on("error", (error: unknown) => {
      this.#lastError = error;
      if (client.isReady) return; // nothing but a refused PING
      this.#ready = false;
      this.#turn += 1;
    });
    client.on("ready", () => void this.#prepare());
  }

  /** Call the script: an operation on one queue. */
  run(
    keys: readonly string[],
    args: readonly RedisArgument[],
    options: { readonly repeatable?: boolean } = {},
  ): Promise<Reply> {
    return this.call(["EVALSHA", sha, String(keys.length), ...keys, ...args], options);
  }

  call(
    args: readonly RedisArgument[],
    { repeatable = false }: { readonly repeatable?: boolean } = {},
  ): Promise<Reply> {
    return new Promise((resolve, reject) => {
      if (this.#closed) {
        reject(storeClosed());
        return;
      }
      const one = {
        args,
        repeatable,
        resolve,
        reject,
        until: Date.now() + this.#timeoutMs,
        breaks: 0,
      };
      if (this.#ready) void this.#send(one);
      else this.#hold(this.#held, one);
    });
  }

  /** Resolves when all calls have been answered; those that are held back are rejected. */
  async close(last: readonly RedisArgument[]): Promise<void> {
    if (this.#ready) this.call(last).catch(() => {});
    this.#closed = true;
    this.#rejectHeld(() => storeClosed());
    if (this.#inFlight > 0) {
      await new Promise<void>((resolve) => {
        // What keeps the server so long is told to its caller when the connection goes.
        const timer = setTimeout(resolve, this.#timeoutMs);
        this.#idle = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    this.#client.destroy();
  }

  async #send(one: Call): Promise<void> {
    this.#inFlight += 1;
    try {
      one.resolve(await this.#client.sendCommand<Reply>(one.args, bytesForText));
      this.#inFlight -= 1;
    } catch (error) {
      this.#inFlight -= 1;
      this.#failed(one, error);
    }
    this.#settled();
  }

  #failed(one: Call, error: unknown): void {
    if (isErrorReply(error)) {
      // It was not made: the script or the data must be loaded first. What comes after it waits behind it.
      if (/^(NOSCRIPT|LOADING) /.test(error.message) && !this.#closed) {
        this.#ready = false;
        this.#turn += 1;
        this.#hold(this.#again, one);
      } else one.reject(refusedBy(error));
    } else if (one.repeatable && one.breaks < mostBreaks && !this.#closed) {
      one.breaks += 1;
      one.until = Date.now() + this.#timeoutMs;
      this.#hold(this.#again, one);
    } else one.reject(outcomeUnknown(error));
  }

  #settled(): void {
    if (this.#inFlight > 0) return;
    this.#idle?.();
    if (this.#again.length > 0 && !this.#ready && this.#client.isReady) void this.#prepare();
  }

  /** Loads the script, then lets go of what was held back. */
  async #prepare(): Promise<void> {
    this.#turn += 1;
    const turn = this.#turn;
    for (;;) {
      try {
        const greeting = this.#greet();
        const loading = this.#client.sendCommand(["SCRIPT", "LOAD", source]);
        // What refuses it, want of memory say, must not keep anybody from reading.
        if (greeting !== undefined) this.#client.sendCommand(greeting).catch(() => {});
        await loading;
        break;
      } catch (error) {
        this.#lastError = error;
        if (turn !== this.#turn || this.#closed) return;
        // Without a connection the next one prepares.
        if (!isErrorReply(error)) return;
        const isLoading = error.message.startsWith("LOADING ");
        if (!isLoading) this.#rejectHeld(() => refusedBy(error));
        const pause = isLoading ? lookAgainMs : 10 * lookAgainMs;
        await new Promise((resolve) => setTimeout(resolve, pause));
        if (turn !== this.#turn || this.#closed) return;
      }
    }
    if (turn !== this.#turn || this.#closed) return;
    this.#ready = true;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const one of this.#takeHeld()) void this.#send(one);
  }

  #hold(line: Call[], one: Call): void {
    line.push(one);
    this.#timer ??= setTimeout(this.#expire, one.until - Date.now());
  }

  readonly #expire = (): void => {
    this.#timer = undefined;
    const now = Date.now();
    for (const one of this.#takeHeld()) {
      if (one.until <= now) one.reject(unreachable(this.#timeoutMs, this.#lastError));
      else this.#hold(this.#held, one);
    }
  };

  #rejectHeld(error: () => QueueError): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const one of this.#takeHeld()) one.reject(error());
  }

  #takeHeld(): Call[] {
    const calls = [...this.#again, ...this.#held];
    this.#again = [];
    this.#held = [];
    return calls;
  }
}
