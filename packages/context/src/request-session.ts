import type { ActiveSession } from "./active-session.ts";
import type { HeaderSource } from "./carrier.ts";
import { SessionError, warn } from "./errors.ts";
import type { Emitter } from "./kind.ts";
import { openReceived } from "./received-session.ts";
import type { SessionOptions, SessionOutcome } from "./session.ts";

/** How an adapter opens the session of a request. */
export interface RequestSessionOptions<Request> {
  /**
   * Whether to take the session's id and globals from the request's `lazy-session` header. Only for requests
   * from peers that you trust. Default: no. Trace headers are always taken.
   */
  readonly extract?: boolean | ((request: Request) => boolean);
  /** The session's id. Undefined: the extracted one, else random. */
  readonly id?: (request: Request) => string | undefined;
}

/** What is used of Node's `IncomingMessage`. */
export interface NodeRequest extends Emitter {
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

/** What is used of Node's `ServerResponse`. */
export interface NodeResponse extends Emitter {
  readonly writableFinished: boolean;
  readonly closed?: boolean;
  once(type: string, listener: () => void): unknown;
}

declare global {
  namespace Lazy {
    interface FrameworkKeys {
      /** The Node request and response that the session serves. */
      node: { readonly request: object; readonly response: object };
      /** The Fetch request that the session serves. */
      fetch: { readonly request: object };
    }
  }
}

/** Opens the session of a request with these headers. */
function openRequest<Request>(
  request: Request,
  headers: HeaderSource,
  { extract = false, id }: RequestSessionOptions<Request>,
  options: SessionOptions = {},
): ActiveSession {
  const trusted = typeof extract === "function" ? extract(request) : extract;
  return openReceived(headers, { ...options, id: id?.(request) }, trusted);
}

/**
 * Opens the session of a Fetch request. When the request's signal aborts, the session is aborted at once,
 * whatever its handler is waiting for.
 */
export function openFetchRequest(
  request: Request,
  options: RequestSessionOptions<Request>,
): ActiveSession {
  const { signal } = request;
  const session = openRequest(request, request.headers, options, { signal });
  session.framework.fetch = { request };
  signal.addEventListener(
    "abort",
    () => void session.close({ status: "aborted", reason: signal.reason }).catch(warn),
    { once: true },
  );
  return session;
}

/**
 * Opens the session of a Node request, which ends when the response has closed: ok if it was sent whole,
 * aborted with `REQUEST_ABORTED` if not. `ended` may say otherwise, or make it wait.
 */
export function openNodeRequest<Request>(
  given: Request,
  request: NodeRequest,
  response: NodeResponse,
  options: RequestSessionOptions<Request>,
  ended: () => SessionOutcome | PromiseLike<SessionOutcome> = () => ({ status: "ok" }),
): ActiveSession {
  const session = openRequest(given, request.headers, options);
  session.framework.node = { request, response };
  const close = async (): Promise<void> => {
    await session.close(response.writableFinished ? await ended() : aborted(session.id));
  };
  if (response.closed === true) close().catch(warn);
  else response.once("close", () => void close().catch(warn));
  session.bind(request);
  session.bind(response);
  return session;
}

function aborted(id: string): SessionOutcome {
  const reason = new SessionError(
    "REQUEST_ABORTED",
    `The client of session ${JSON.stringify(id)} has gone before the response was sent whole.`,
    { details: { id } },
  );
  return { status: "aborted", reason };
}
