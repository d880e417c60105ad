import { createHash, timingSafeEqual } from "node:crypto";
import { isQueueError, openFileStore, type Store } from "@lazy/fsqueue";
import type { Authorize } from "./authorize.ts";
import { createHandler, type RequestRecord } from "./handler.ts";
import { help, readServeOptions, UsageError, type ServeOptions } from "./serve-options.ts";
import { ServeError } from "./serve-error.ts";
import { openServer, type HttpServer } from "./server.ts";

/** What `lazy-serve` does, from its arguments to its exit code: 0 after a gentle end, 2 for a mistake. */
export async function serveCommand(
  args: readonly string[],
  environment: NodeJS.ProcessEnv,
): Promise<number> {
  try {
    const options = readServeOptions(args, environment);
    if (options === undefined) {
      process.stdout.write(help);
      return 0;
    }
    await serve(options);
    return 0;
  } catch (error) {
    if (error instanceof UsageError) return complain(`${error.message} (lazy-serve --help)`, 2);
    if (error instanceof ServeError || isQueueError(error)) return complain(error.message, 1);
    throw error;
  }
}

async function serve(options: ServeOptions): Promise<void> {
  const ended = signalled();
  const store = await openFileStore({ dir: options.dir, durability: options.durability });
  try {
    const server = await listen(store, options);
    say(`Serving ${options.dir} (${options.durability}) at ${server.url}${options.base}/<queue>`);
    say(`${await ended}: finishing what is under way.`);
    await server.close();
  } finally {
    await store.close();
  }
}

function listen(store: Store, options: ServeOptions): Promise<HttpServer> {
  const { base, cors, token, verbose, host, port } = options;
  const handler = createHandler({
    queues: store,
    basePath: base,
    onError: (error, { method, path }) => {
      complain(
        `${method} ${path} failed: ${error instanceof Error ? error.stack : String(error)}`,
        0,
      );
    },
    ...(token === undefined || token === "" ? {} : { authorize: bearer(token) }),
    ...(cors.length === 0 ? {} : { cors: { origins: cors.includes("*") ? "*" : cors } }),
    ...(verbose ? { onRequest: sayRequest } : {}),
  });
  return openServer(handler, { host, port });
}

/** The name of the first signal to end. The second one meets no listener, and ends the process at once. */
function signalled(): Promise<string> {
  return new Promise((resolve) => {
    const end = (signal: string): void => {
      process.off("SIGTERM", end);
      process.off("SIGINT", end);
      resolve(signal);
    };
    process.on("SIGTERM", end);
    process.on("SIGINT", end);
  });
}

/** Compares digests, so that the time it takes tells nothing of the token. */
function bearer(token: string): Authorize {
  const expected = digest(`Bearer ${token}`);
  return (request) => {
    const given = request.headers.get("authorization");
    if (given === null) return { challenge: "Bearer" };
    return timingSafeEqual(digest(given), expected)
      ? true
      : { challenge: 'Bearer error="invalid_token"' };
  };
}

function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}

function sayRequest({ method, path, status, milliseconds }: RequestRecord): void {
  // What a client sent must not control a terminal: Node's parser lets visible ASCII alone through.
  const shown = path.slice(0, 200);
  say(`${new Date().toISOString()} ${status} ${method} ${shown} ${milliseconds.toFixed(1)} ms`);
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function complain(line: string, exitCode: number): number {
  process.stderr.write(`lazy-serve: ${line}\n`);
  return exitCode;
}
