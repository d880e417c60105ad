import type { Answer, AnswerHeaders } from "./answer.ts";
import { appendToQueue } from "./append.ts";
import { requireAccess, type Access, type Authorize, type Operation } from "./authorize.ts";
import type { Core } from "./core.ts";
import type { Cors } from "./cors.ts";
import { createQueue } from "./create-queue.ts";
import { describeQueue, removeQueue } from "./describe-queue.ts";
import type { Exchange } from "./exchange.ts";
import { failureAnswer } from "./failure.ts";
import { fault, notFound } from "./fault.ts";
import { queueNameOf } from "./queue-name.ts";
import { readQueue } from "./read-queue.ts";

/** What was being done when something failed that no client caused. */
export interface ErrorContext {
  readonly method: string;
  readonly path: string;
}

/** Answers one request; never rejects. */
export type Respond = (exchange: Exchange) => Promise<Answer>;

const hostSyntax = /^https?:\/\/[\w.:[\]-]{1,255}$/;
const operations: Readonly<Record<string, Operation>> = {
  DELETE: "remove",
  GET: "read",
  HEAD: "read",
  POST: "append",
  PUT: "create",
};

/** The way of every request: origin, name, rights, then what it asks for. */
export function createResponder(
  core: Core,
  cors: Cors,
  authorize: Authorize | undefined,
  onError: (error: unknown, context: ErrorContext) => void,
): Respond {
  return async (exchange) => {
    let headers: AnswerHeaders = { "cross-origin-resource-policy": "same-origin" };
    let answer: Answer;
    try {
      headers = cors.admit(exchange);
      answer = await route(core, cors, authorize, exchange);
    } catch (error) {
      onError(error, { method: exchange.method, path: exchange.path });
      answer = failureAnswer(error);
    }
    Object.assign(answer.headers, headers);
    answer.headers["x-content-type-options"] = "nosniff";
    return answer;
  };
}

async function route(
  core: Core,
  cors: Cors,
  authorize: Authorize | undefined,
  exchange: Exchange,
): Promise<Answer> {
  if (!hostSyntax.test(exchange.origin)) throw fault(400, "HOST_INVALID", "Host is no host name.");
  const queue = queueNameOf(exchange.path, core.base, core.limits.nameBytes);
  if (queue === undefined) throw notFound();
  if (exchange.method === "OPTIONS") return cors.preflight();
  const operation = operations[exchange.method];
  if (operation === undefined) {
    throw fault(405, "METHOD_NOT_ALLOWED", `${exchange.method} is not part of the protocol.`, {
      allow: "GET, HEAD, POST, PUT, DELETE, OPTIONS",
    });
  }
  const require = (access: Access) => requireAccess(authorize, exchange, access);
  await require({ queue, operation });
  if (exchange.method === "PUT") {
    return createQueue(core, exchange, queue, (from) =>
      require({ queue: from, operation: "read" }),
    );
  }
  if (exchange.method === "POST") return appendToQueue(core, exchange, queue);
  if (exchange.method === "DELETE") return removeQueue(core, queue);
  if (exchange.method === "HEAD") return describeQueue(core, queue);
  return readQueue(core, exchange, queue);
}
