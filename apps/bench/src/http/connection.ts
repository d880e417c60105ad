import { connect, type Socket } from "node:net";

/** What a server answered. */
export interface Answered {
  readonly status: number;
  /** By name in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Buffer;
}

interface Pending {
  readonly method: string;
  resolve(answer: Answered): void;
  reject(error: Error): void;
}

/**
 * One connection that sends one request after the other. A client library would cost more than the
 * servers that are measured.
 */
export class Connection {
  readonly #socket: Socket;
  readonly #host: string;
  #pieces: Buffer[] = [];
  #bytes = 0;
  #head: Head | undefined;
  #pending: Pending | undefined;
  #broken: Error | undefined;

  constructor(port: number) {
    this.#host = `127.0.0.1:${port}`;
    this.#socket = connect({ port, host: "127.0.0.1", noDelay: true });
    this.#socket.on("data", (piece: Buffer) => this.#take(piece));
    this.#socket.on("error", (error) => this.#break(error));
    this.#socket.on("close", () => this.#break(new Error("The connection was closed.")));
  }

  get broken(): boolean {
    return this.#broken !== undefined;
  }

  request(
    method: string,
    path: string,
    headers: Readonly<Record<string, string | number>> = {},
    body?: string | Buffer,
  ): Promise<Answered> {
    if (this.#broken !== undefined) return Promise.reject(this.#broken);
    let head = `${method} ${path} HTTP/1.1\r\nHost: ${this.#host}\r\n`;
    for (const [name, value] of Object.entries(headers)) head += `${name}: ${value}\r\n`;
    const bytes = typeof body === "string" ? Buffer.from(body) : body;
    if (bytes !== undefined) head += `Content-Length: ${bytes.length}\r\n`;
    const start = Buffer.from(`${head}\r\n`);
    this.#socket.write(bytes === undefined ? start : Buffer.concat([start, bytes]));
    return new Promise((resolve, reject) => {
      this.#pending = { method, resolve, reject };
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #take(piece: Buffer): void {
    this.#pieces.push(piece);
    this.#bytes += piece.length;
    const pending = this.#pending;
    if (pending === undefined) return;
    this.#head ??= readHead(Buffer.concat(this.#pieces), pending.method);
    const head = this.#head;
    if (head === undefined) return;
    const whole =
      head.length === undefined ? endsBody(this.#pieces) : this.#bytes >= head.start + head.length;
    if (!whole) return;
    const received = Buffer.concat(this.#pieces);
    this.#pieces = [];
    this.#bytes = 0;
    this.#head = undefined;
    this.#pending = undefined;
    const body =
      head.length === undefined ? dechunk(received, head.start) : received.subarray(head.start);
    pending.resolve({ status: head.status, headers: head.headers, body });
  }

  #break(error: Error): void {
    this.#broken ??= error;
    this.#pending?.reject(error);
    this.#pending = undefined;
  }
}

interface Head {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  /** Where the body begins. */
  readonly start: number;
  /** Of the body; undefined if it comes in chunks. */
  readonly length: number | undefined;
}

/** Undefined while it is not complete. */
function readHead(received: Buffer, method: string): Head | undefined {
  const end = received.indexOf("\r\n\r\n");
  if (end < 0) return undefined;
  const lines = received.toString("latin1", 0, end).split("\r\n");
  const status = Number(lines[0]?.slice(9, 12));
  const headers = new Map(lines.slice(1).map(splitHeader));
  const noBody = method === "HEAD" || status === 204 || status === 304;
  const length = noBody ? 0 : Number(headers.get("content-length") ?? Number.NaN);
  return { status, headers, start: end + 4, length: Number.isNaN(length) ? undefined : length };
}

/** One request at a time: what ends with the last chunk is complete. The last chunk may arrive in two pieces. */
function endsBody(pieces: readonly Buffer[]): boolean {
  let end = "";
  for (let n = pieces.length - 1; n >= 0 && end.length < 5; n--) {
    end = pieces[n]!.subarray(-5).toString("latin1") + end;
  }
  return end.endsWith("0\r\n\r\n");
}

function splitHeader(line: string): [string, string] {
  const colon = line.indexOf(":");
  return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
}

function dechunk(received: Buffer, start: number): Buffer {
  const pieces: Buffer[] = [];
  for (let at = start; ;) {
    const lineEnd = received.indexOf("\r\n", at);
    const length = Number.parseInt(received.toString("latin1", at, lineEnd), 16);
    if (length === 0) return Buffer.concat(pieces);
    pieces.push(received.subarray(lineEnd + 2, lineEnd + 2 + length));
    at = lineEnd + 2 + length + 2;
  }
}
