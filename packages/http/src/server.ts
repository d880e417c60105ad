import { createServer, type Server } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import type { Handler } from "./handler.ts";
import { toNodeListener } from "./node-listener.ts";
import { listenError } from "./serve-error.ts";

/** Where and within which limits {@link openServer} serves. */
export interface ServerOptions {
  /** 0: one that is free. Default 4437. */
  readonly port?: number;
  /** Default `127.0.0.1`: nobody else's machine. */
  readonly host?: string;
  /** Connections at one time; further ones get a 503 and are closed. Default 20,000. */
  readonly maxConnections?: number;
  /** How long a client may take for the head of a request. Default 10,000 ms. */
  readonly headersTimeoutMs?: number;
  /** How long a client may take for a whole request. Default 60,000 ms. */
  readonly requestTimeoutMs?: number;
  /**
   * How long a connection without a request is kept. Default 65,000 ms: longer than the 60 s of common
   * proxies, whose next request would otherwise meet a connection that is just being closed.
   */
  readonly keepAliveMs?: number;
  /** How long `close` waits for requests before it cuts their connections. Default 5,000 ms. */
  readonly drainMs?: number;
}

/** A server that listens. */
export interface HttpServer {
  readonly host: string;
  readonly port: number;
  /** `http://host:port`. */
  readonly url: string;
  /** For what this interface lacks: upgrades, events of connections. */
  readonly server: Server;
  /**
   * Stop: new requests get 503, frames being written are finished, event streams end, and every
   * connection is closed within `drainMs`. Clients resume at their offsets elsewhere, or later. Idempotent.
   */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

// Connections that arrive together, as after a restart, wait here; the default of 511 makes the rest wait
// a second for their first byte.
const backlog = 4096;

const refusal =
  "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nConnection: close\r\nContent-Length: 0\r\n" +
  "X-Content-Type-Options: nosniff\r\n\r\n";

/**
 * Serve a handler over `node:http` with limits that a server on the open network needs. Rejects with
 * `ServeError`, such as `PORT_IN_USE`.
 */
export async function openServer(
  handler: Handler,
  options: ServerOptions = {},
): Promise<HttpServer> {
  const { port = 4437, host = "127.0.0.1", headersTimeoutMs = 10_000 } = options;
  const { maxConnections = 20_000, requestTimeoutMs = 60_000 } = options;
  const { keepAliveMs = 65_000, drainMs = 5_000 } = options;
  const server = createServer({
    headersTimeout: headersTimeoutMs,
    keepAliveTimeout: keepAliveMs,
    requestTimeout: Math.max(requestTimeoutMs, headersTimeoutMs),
    connectionsCheckingInterval: Math.min(1_000, headersTimeoutMs),
    noDelay: true,
  });
  server.on("request", toNodeListener(handler));
  refuseBeyond(server, maxConnections);
  await listen(server, port, host);
  const address = server.address() as AddressInfo;
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => (closing ??= drainAndClose(server, handler, drainMs));
  return {
    host,
    port: address.port,
    url: `http://${address.family === "IPv6" ? `[${address.address}]` : address.address}:${address.port}`,
    server,
    close,
    [Symbol.asyncDispose]: close,
  };
}

function listen(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const failed = (error: Error): void => reject(listenError(error, host, port));
    server.once("error", failed);
    server.listen({ port, host, backlog }, () => {
      server.off("error", failed);
      resolve();
    });
  });
}

function refuseBeyond(server: Server, most: number): void {
  let open = 0;
  server.on("connection", (socket: Socket) => {
    open += 1;
    socket.once("close", () => (open -= 1));
    if (open > most) socket.end(refusal, () => socket.destroy());
  });
}

async function drainAndClose(server: Server, handler: Handler, drainMs: number): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  const cut = setTimeout(() => server.closeAllConnections(), drainMs);
  await handler.drain();
  server.closeIdleConnections();
  await closed;
  clearTimeout(cut);
}
