import type { Answer, AnswerHeaders } from "./answer.ts";
import type { Exchange } from "./exchange.ts";
import { fault } from "./fault.ts";

/** Which pages of other origins may use the queues. Without it, none. */
export interface CorsOptions {
  /** Origins such as `https://app.example`, a test, or `"*"` for every one (then without credentials). */
  readonly origins: "*" | readonly string[] | ((origin: string) => boolean);
  /** Let cookies and other credentials through. Default false. */
  readonly credentials?: boolean;
  /** How long a browser may keep the answer to a preflight, in seconds. Default 600. */
  readonly maxAgeSeconds?: number;
}

const methods = "GET, HEAD, POST, PUT, DELETE, OPTIONS";
const requestHeaders =
  "authorization, content-type, if-none-match, last-event-id, stream-closed, stream-expires-at, " +
  "stream-fork-offset, stream-fork-sub-offset, stream-forked-from, stream-seq, stream-ttl, " +
  "producer-epoch, producer-id, producer-seq";
const answerHeaders =
  "content-type, etag, location, producer-epoch, producer-expected-seq, producer-received-seq, " +
  "producer-seq, retry-after, stream-closed, stream-cursor, stream-ending, stream-expires-at, " +
  "stream-next-offset, stream-sse-data-encoding, stream-ttl, stream-up-to-date";

/** Decides about the `Origin` of requests. */
export interface Cors {
  /** The headers for this request's answer. Throws a 403 for a page of an origin that is not allowed. */
  admit(exchange: Exchange): AnswerHeaders;
  /** The answer to an OPTIONS request that {@link admit} let in. */
  preflight(): Answer;
}

/**
 * A browser sends simple requests of foreign pages without asking first, and only hides the answer; so a
 * foreign origin that is not allowed is refused here, before anything is done. Requests without `Origin`
 * come from no page, and a page of the server's own origin is welcome.
 */
export function createCors(options: CorsOptions | undefined): Cors {
  checkOptions(options);
  const resource = options === undefined ? "same-origin" : "cross-origin";
  const base: AnswerHeaders = {
    "cross-origin-resource-policy": resource,
    ...(options === undefined ? {} : { vary: "Origin" }),
  };
  return {
    admit(exchange) {
      const origin = exchange.header("origin");
      if (origin === undefined || isSameOrigin(origin, exchange)) return { ...base };
      if (options === undefined || !allows(options.origins, origin)) {
        throw fault(403, "ORIGIN_REFUSED", "Pages of this origin may not use these queues.");
      }
      return {
        ...base,
        "access-control-allow-origin": options.origins === "*" ? "*" : origin,
        "access-control-expose-headers": answerHeaders,
        ...(options.credentials === true ? { "access-control-allow-credentials": "true" } : {}),
      };
    },
    preflight: () => ({
      status: 204,
      headers: {
        allow: methods,
        "access-control-allow-methods": methods,
        "access-control-allow-headers": requestHeaders,
        "access-control-max-age": String(options?.maxAgeSeconds ?? 600),
      },
    }),
  };
}

/** By host alone: a proxy in front may have taken off the TLS. */
function isSameOrigin(origin: string, exchange: Exchange): boolean {
  const host = exchange.header("host");
  return host !== undefined && origin.replace(/^https?:\/\//, "") === host;
}

function allows(origins: CorsOptions["origins"], origin: string): boolean {
  if (origins === "*") return true;
  return typeof origins === "function" ? origins(origin) : origins.includes(origin);
}

function checkOptions(options: CorsOptions | undefined): void {
  if (options?.origins === "*" && options.credentials === true) {
    throw new TypeError('cors: origins "*" cannot have credentials. Name the origins.');
  }
}
