import { once } from "node:events";
import { connect, type Socket } from "node:net";

/** A message that tells when it was sent, padded to `size` bytes. */
export function stamped(size: number): string {
  return `T${performance.now().toFixed(3)};`.padEnd(size, "x");
}

const longestStamp = 32;

/** A live reader of stamped messages over SSE; it looks for stamps and nothing else. */
export class Tail {
  /** Milliseconds from sending to arriving, of each message in order. */
  readonly latencies: number[] = [];
  readonly #socket: Socket;
  #rest = "";
  #wanted = Number.POSITIVE_INFINITY;
  #reached: (() => void) | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** Resolves once the server has said that there is nothing more for now. */
  static async open(port: number, path: string): Promise<Tail> {
    const socket = connect({ port, host: "127.0.0.1", noDelay: true });
    socket.on("error", () => {});
    await once(socket, "connect");
    socket.write(
      `GET ${path}?live=sse&offset=-1 HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nAccept: text/event-stream\r\n\r\n`,
    );
    const tail = new Tail(socket);
    let head = "";
    for await (const [piece] of onPieces(socket)) {
      head += piece.toString("latin1");
      if (head.includes("upToDate")) break;
    }
    if (!head.startsWith("HTTP/1.1 200")) throw new Error(`SSE answered ${head.slice(0, 40)}`);
    socket.on("data", (piece: Buffer) => tail.#take(piece));
    return tail;
  }

  /** Resolves when so many messages have arrived; rejects if they have not after a time. */
  received(count: number, withinMs = 60_000): Promise<void> {
    this.#wanted = count;
    if (this.latencies.length >= count) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const late = (): void =>
        reject(new Error(`${this.latencies.length} of ${count} messages arrived.`));
      const timer = setTimeout(late, withinMs);
      this.#reached = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #take(piece: Buffer): void {
    const now = performance.now();
    const text = this.#rest + piece.toString("latin1");
    let end = 0;
    for (const match of text.matchAll(/T(\d+\.\d+);/g)) {
      this.latencies.push(now - Number(match[1]));
      end = match.index + match[0].length;
    }
    this.#rest = text.slice(Math.max(end, text.length - longestStamp));
    if (this.latencies.length >= this.#wanted) this.#reached?.();
  }
}

async function* onPieces(socket: Socket): AsyncGenerator<[Buffer]> {
  for (;;) {
    const stop = new AbortController();
    const closed = once(socket, "close", stop).then(() => undefined);
    closed.catch(() => {});
    const piece = await Promise.race([once(socket, "data", stop) as Promise<[Buffer]>, closed]);
    stop.abort();
    if (piece === undefined) return;
    yield piece;
  }
}
