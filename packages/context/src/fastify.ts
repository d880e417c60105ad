import type { ActiveSession } from "./active-session.ts";
import { bindResult } from "./bind.ts";
import {
  openNodeRequest,
  type NodeRequest,
  type NodeResponse,
  type RequestSessionOptions,
} from "./request-session.ts";
import type { SessionOutcome } from "./session.ts";

export type { NodeRequest, NodeResponse, RequestSessionOptions } from "./request-session.ts";

/** What is used of a Fastify request. */
export interface FastifyRequestLike {
  readonly raw: NodeRequest;
}

/** What is used of a Fastify reply. */
export interface FastifyReplyLike {
  readonly raw: NodeResponse;
}

type Done = (error?: Error | null, value?: unknown) => void;

/** What is used of a Fastify instance. */
export interface FastifyLike {
  addHook(
    name: "onRequest",
    hook: (request: FastifyRequestLike, reply: FastifyReplyLike, done: () => void) => void,
  ): unknown;
  addHook(
    name: "onSend",
    hook: (
      request: FastifyRequestLike,
      reply: FastifyReplyLike,
      payload: unknown,
      done: Done,
    ) => void,
  ): unknown;
  addHook(
    name: "onError",
    hook: (
      request: FastifyRequestLike,
      reply: FastifyReplyLike,
      error: Error,
      done: () => void,
    ) => void,
  ): unknown;
}

interface Served {
  session: ActiveSession;
  outcome: SessionOutcome;
}

/**
 * Fastify plugin, for the instance it is registered on and all below it: hooks, parsers and handlers of a
 * request run in a session of its own, which ends when the response has closed. A payload that is a stream is
 * bound to it. An error that a handler throws is its outcome, a client that goes away aborts it.
 */
export function sessionPlugin(
  fastify: FastifyLike,
  options: RequestSessionOptions<FastifyRequestLike>,
  done: () => void,
): void {
  const served = new WeakMap<object, Served>();
  fastify.addHook("onRequest", (request, reply, next) => {
    const entry: Partial<Served> = { outcome: { status: "ok" } };
    entry.session = openNodeRequest(
      request,
      request.raw,
      reply.raw,
      options,
      () => (entry as Served).outcome,
    );
    served.set(request, entry as Served);
    entry.session.run(() => next());
  });
  fastify.addHook("onSend", (request, _reply, payload, next) => {
    const session = served.get(request)?.session;
    next(null, session === undefined ? payload : bindResult(session, payload));
  });
  fastify.addHook("onError", (request, _reply, error, next) => {
    const entry = served.get(request);
    if (entry !== undefined) entry.outcome = { status: "error", error };
    next();
  });
  done();
}

// What fastify-plugin would set: hooks apply to the parent instance, and the version is checked.
Object.assign(sessionPlugin, {
  [Symbol.for("skip-override")]: true,
  [Symbol.for("fastify.display-name")]: "@lazy/context",
  [Symbol.for("plugin-meta")]: { name: "@lazy/context", fastify: "5.x" },
});
