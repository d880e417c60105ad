import { type Answered, Connection } from "./connection.ts";
import { Tail } from "./tail.ts";

let queues = 0;

/** Requests to one server over connections that are used again. */
export class Client {
  readonly #port: number;
  readonly #idle: Connection[] = [];

  constructor(port: number) {
    this.#port = port;
  }

  /** A name that was not used before. */
  newName(): string {
    queues += 1;
    return `queue-${process.pid}-${queues}`;
  }

  async create(name: string, contentType = "text/plain"): Promise<void> {
    const { status } = await this.request("PUT", name, { "Content-Type": contentType }, "");
    if (status !== 201) throw new Error(`PUT answered ${status}.`);
  }

  async append(name: string, body: string, contentType = "text/plain"): Promise<void> {
    const { status } = await this.request("POST", name, { "Content-Type": contentType }, body);
    if (status !== 204) throw new Error(`POST answered ${status}.`);
  }

  async remove(name: string): Promise<void> {
    await this.request("DELETE", name);
  }

  /** Everything in a queue. */
  async readAll(name: string): Promise<Buffer[]> {
    const bodies: Buffer[] = [];
    for (let offset = "-1"; ;) {
      const { status, headers, body } = await this.request("GET", `${name}?offset=${offset}`);
      if (status !== 200) throw new Error(`GET answered ${status}.`);
      bodies.push(body);
      if (headers.get("stream-up-to-date") === "true") return bodies;
      const next = headers.get("stream-next-offset") ?? "";
      if (next === offset) throw new Error(`GET makes no progress at offset ${offset}.`);
      offset = next;
    }
  }

  tail(name: string): Promise<Tail> {
    return Tail.open(this.#port, `/v1/stream/${name}`);
  }

  async request(
    method: string,
    path: string,
    headers: Readonly<Record<string, string | number>> = {},
    body?: string,
  ): Promise<Answered> {
    const connection = this.#connection();
    const answer = await connection.request(method, `/v1/stream/${path}`, headers, body);
    if (!connection.broken) this.#idle.push(connection);
    return answer;
  }

  /** One that the server has not closed since its last answer. */
  #connection(): Connection {
    for (let idle = this.#idle.pop(); idle !== undefined; idle = this.#idle.pop()) {
      if (!idle.broken) return idle;
    }
    return new Connection(this.#port);
  }

  close(): void {
    for (const connection of this.#idle) connection.close();
    this.#idle.length = 0;
  }
}

/** Run `count` pieces of work, so many at a time. */
export async function inParallel(
  count: number,
  atOnce: number,
  work: (index: number) => Promise<unknown>,
): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, count) }, worker));
}
