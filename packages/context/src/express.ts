import {
  openNodeRequest,
  type NodeRequest,
  type NodeResponse,
  type RequestSessionOptions,
} from "./request-session.ts";

export type { NodeRequest, NodeResponse, RequestSessionOptions } from "./request-session.ts";

/**
 * Express middleware: what comes after it, error handlers included, runs in a session of its own for each
 * request, which ends when the response has closed. Its outcome is ok if the response was sent whole (an error
 * page too), aborted if the client went away.
 */
export function sessionMiddleware<Request extends NodeRequest>(
  options: RequestSessionOptions<Request> = {},
): (request: Request, response: NodeResponse, next: () => void) => void {
  return (request, response, next) => {
    openNodeRequest(request, request, response, options).run(() => next());
  };
}
