import {
  openNodeRequest,
  type NodeRequest,
  type NodeResponse,
  type RequestSessionOptions,
} from "./request-session.ts";
import type { SessionOutcome } from "./session.ts";

export type { NodeRequest, NodeResponse, RequestSessionOptions } from "./request-session.ts";

/**
 * A `node:http` listener that runs in a session of its own for each request. The session ends when the
 * response has closed and, if it was sent whole, the promise that the listener returned has settled; when the
 * client goes away it is aborted at once. Listeners on the request and the response run in the session.
 */
export function withSession<Request extends NodeRequest, Response extends NodeResponse>(
  listener: (request: Request, response: Response) => unknown,
  options: RequestSessionOptions<Request> = {},
): (request: Request, response: Response) => unknown {
  return (request, response) => {
    let handled: SessionOutcome | Promise<SessionOutcome> = { status: "ok" };
    const session = openNodeRequest(request, request, response, options, () => handled);
    let result: unknown;
    try {
      result = session.run(() => listener(request, response));
    } catch (error) {
      handled = { status: "error", error };
      throw error;
    }
    if (!(result instanceof Promise)) return result;
    handled = result.then(
      () => ({ status: "ok" }),
      (error: unknown) => ({ status: "error", error }),
    );
    // A promise of its own, so that a rejection stays one that nobody has handled.
    return result.then((value: unknown) => value);
  };
}
