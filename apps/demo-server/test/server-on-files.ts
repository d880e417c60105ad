import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EventSourceParserStream } from "eventsource-parser/stream";
import { afterAll, beforeAll, onTestFinished } from "vitest";
import { type ServerProcess, startServerProcess } from "../src/storm/server-process.ts";

/** A fresh folder, gone after the test. */
export async function freshFolder(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), "lazy-demo-"));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  return dir;
}

/** The built server in a process of its own; killed after the test if it still runs. */
export async function serve(dir: string, ...options: string[]): Promise<ServerProcess> {
  return await serveWith({}, dir, ...options);
}

/** The same with variables of the environment that are its own. */
export async function serveWith(
  env: Readonly<Record<string, string>>,
  dir: string,
  ...options: string[]
): Promise<ServerProcess> {
  const server = await startServerProcess(["--data", dir, ...options], env);
  onTestFinished(() => void server.process.kill("SIGKILL"));
  return server;
}

/** One server for all tests of a file that do not end it, as a start takes longer than most of them. */
export function serveAll(...options: string[]): { readonly url: string } {
  let dir = "";
  let server: ServerProcess | undefined;
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), "lazy-demo-"));
    server = await startServerProcess(["--data", dir, ...options]);
  }, 30_000);
  afterAll(async () => {
    await server?.end("SIGKILL");
    await rm(dir, { recursive: true, force: true });
  });
  return {
    get url() {
      return server!.url;
    },
  };
}

export interface Received {
  readonly event: string | undefined;
  readonly id: string | undefined;
  readonly data: Record<string, unknown>;
}

/** The events of a response; ends with it, also when the connection breaks. */
export async function* eventsOf(response: Response): AsyncGenerator<Received> {
  const events = response
    .body!.pipeThrough(new TextDecoderStream())
    .pipeThrough(new EventSourceParserStream());
  try {
    for await (const { event, id, data } of events)
      yield { event, id, data: JSON.parse(data) as Received["data"] };
  } catch {
    // The server was killed in mid-stream: what came is what counts.
  }
}

export function post(url: string, path: string, body: unknown): Promise<Response> {
  return fetch(new URL(path, url), {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
}

export async function all(response: Response): Promise<Received[]> {
  const events: Received[] = [];
  for await (const event of eventsOf(response)) events.push(event);
  return events;
}
