import type { Exchange, RequestHead } from "./exchange.ts";
import { fault, notFound } from "./fault.ts";

/** What a request wants to do: PUT creates, POST appends or closes, GET and HEAD read, DELETE removes. */
export type Operation = "create" | "append" | "read" | "remove";

/** A right that a request asks for. A fork asks for two: to create itself and to read its origin. */
export interface Access {
  /** The queue's name in the store, decoded. */
  readonly queue: string;
  readonly operation: Operation;
}

/**
 * `true` lets the request in. `false` answers as if the queue did not exist (403 for `create`). A
 * `challenge` answers 401 with it as `WWW-Authenticate`: for a request without credentials.
 */
export type Verdict = boolean | { readonly challenge: string };

/**
 * Decides about every request before anything is looked up, so that a forbidden queue cannot be told from
 * a missing one. If it throws, the answer is a 500 and the error goes to `onError`.
 */
export type Authorize = (request: RequestHead, access: Access) => Verdict | Promise<Verdict>;

/** Throws unless the request has the right. */
export async function requireAccess(
  authorize: Authorize | undefined,
  exchange: Exchange,
  access: Access,
): Promise<void> {
  if (authorize === undefined) return;
  const verdict = await authorize(exchange.head, access);
  if (verdict === true) return;
  if (typeof verdict === "object") {
    throw fault(401, "UNAUTHENTICATED", "Say who you are.", {
      "www-authenticate": verdict.challenge.replaceAll(/[^ -~]/g, ""),
    });
  }
  if (access.operation !== "create") throw notFound();
  throw fault(403, "CREATE_FORBIDDEN", "You may not create this queue.");
}
