import { openFetchRequest, type RequestSessionOptions } from "./request-session.ts";
import { runBody } from "./run-body.ts";

export type { RequestSessionOptions } from "./request-session.ts";

/**
 * A Fetch handler that runs in a session of its own for each request. The session ends when the body of the
 * Response has been read to its end or cancelled, and with the handler if there is none; a request whose
 * signal aborts has its body cancelled and its session aborted.
 */
export function withSession<Rest extends unknown[]>(
  handler: (request: Request, ...rest: Rest) => Response | Promise<Response>,
  options: RequestSessionOptions<Request> = {},
): (request: Request, ...rest: Rest) => Promise<Response> {
  return async (request, ...rest) => {
    return runBody(openFetchRequest(request, options), async () => {
      const response = await handler(request, ...rest);
      return request.method === "HEAD" ? withoutBody(response) : response;
    });
  };
}

/** The answer to HEAD: nobody reads its body, so nobody would end the session. */
async function withoutBody(response: Response): Promise<Response> {
  if (response.body === null) return response;
  await response.body.cancel();
  return new Response(null, response);
}
