import { openFetchRequest, type RequestSessionOptions } from "./request-session.ts";
import { runBody } from "./run-body.ts";

export type { RequestSessionOptions } from "./request-session.ts";

/** What is used of Hono's context. */
export interface HonoContextLike {
  readonly req: { readonly raw: Request };
  get res(): Response;
  set res(response: Response | undefined);
  readonly error: Error | undefined;
}

/**
 * Hono middleware: what comes after it runs in a session of its own for each request, which ends when the body
 * of the response has been read to its end or cancelled, and with the handler if there is none. An error that
 * a handler throws is its outcome; a request whose signal aborts has its session aborted.
 */
export function sessionMiddleware(
  options: RequestSessionOptions<Request> = {},
): (context: HonoContextLike, next: () => Promise<void>) => Promise<void> {
  return async (context, next) => {
    const request = context.req.raw;
    const session = openFetchRequest(request, options);
    const response = await runBody(session, async () => {
      await next();
      if (context.error !== undefined) await session.fail(context.error);
      if (context.error !== undefined || request.method === "HEAD") return undefined;
      return context.res;
    });
    if (response === undefined || response === context.res) return;
    // Setting it over another merges their headers; there is nothing to merge.
    context.res = undefined;
    context.res = response;
  };
}
