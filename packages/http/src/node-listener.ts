import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import { bytesOf, isPulled, type Answer } from "./answer.ts";
import { readNodeBody } from "./node-body.ts";
import type { Exchange, RequestHead } from "./exchange.ts";
import { insideOf, type Handler, type HandlerInside } from "./handler.ts";
import { NodeWriter } from "./node-writer.ts";

const firstPieceBytes = 64 * 1024;

/**
 * The handler as a listener for `node:http` and `node:https`, and, under the names of Express and Connect,
 * as middleware. It writes to the raw response, as fast as the client reads and no faster, and drops a
 * client that takes nothing for `limits.slowReaderMs`.
 */
export function toNodeListener(
  handler: Handler,
): (request: IncomingMessage, response: ServerResponse) => void {
  const inside = insideOf(handler);
  return (request, response) => {
    void answerNode(inside, request, response);
  };
}

async function answerNode(
  inside: HandlerInside,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const startedAt = performance.now();
  const exchange = exchangeOf(request, response);
  const answer = await inside.respond(exchange);
  try {
    await write(inside, request, response, answer);
  } catch (error) {
    inside.onError(error, { method: exchange.method, path: exchange.path });
    response.destroy();
  } finally {
    inside.complete(exchange, answer.status, startedAt);
  }
}

async function write(
  inside: HandlerInside,
  request: IncomingMessage,
  response: ServerResponse,
  answer: Answer,
): Promise<void> {
  const { status, headers, body } = answer;
  if (body !== undefined && isPulled(body)) {
    response.writeHead(status, headers);
    response.flushHeaders();
    await new NodeWriter(response, inside).pull(body);
    return;
  }
  const pieces = body ?? [];
  const bytes = bytesOf(pieces);
  if (status !== 204 && status !== 304 && request.method !== "HEAD") {
    headers["content-length"] = String(bytes);
  }
  response.writeHead(status, headers);
  if (request.method === "HEAD" || bytes === 0) {
    response.end();
  } else if (pieces.length === 1 && bytes <= firstPieceBytes) {
    response.end(pieces[0]);
  } else {
    await new NodeWriter(response, inside).writeAll(pieces);
  }
}

function exchangeOf(request: IncomingMessage, response: ServerResponse): Exchange {
  // Under Express a mounted router has cut the path; the whole one is here.
  const url = (request as { originalUrl?: string }).originalUrl ?? request.url ?? "/";
  const mark = url.indexOf("?");
  const method = request.method ?? "GET";
  const origin = originOf(request);
  const header = (name: string) => headerOf(request, name);
  const head: RequestHead = {
    method,
    get url() {
      return origin + url;
    },
    headers: { get: (name) => header(name.toLowerCase()) ?? null },
  };
  return {
    method,
    path: mark < 0 ? url : url.slice(0, mark),
    query: mark < 0 ? "" : url.slice(mark + 1),
    origin,
    head,
    header,
    readBody: (most) => readNodeBody(request, most),
    onGone(listener) {
      if (response.destroyed || response.closed) listener();
      response.once("close", listener);
      return () => response.off("close", listener);
    },
  };
}

function headerOf(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return typeof value === "object" ? value.join(", ") : value;
}

function originOf(request: IncomingMessage): string {
  const socket: Socket | TLSSocket = request.socket;
  const scheme = "encrypted" in socket ? "https" : "http";
  return `${scheme}://${request.headers.host ?? request.headers[":authority"]?.toString() ?? "localhost"}`;
}
