import { ActiveSession } from "./active-session.ts";
import { extractPayload, extractTrace, receive, type HeaderSource } from "./carrier.ts";
import { argumentError, describe } from "./errors.ts";
import { storage } from "./registry.ts";
import type { SessionOptions } from "./session.ts";

/** Opens a session with what headers carry: trace headers, and if trusted also its id and globals. */
export function openReceived(
  headers: HeaderSource,
  options: SessionOptions,
  trusted: boolean,
): ActiveSession {
  if (typeof headers !== "object" || headers === null) {
    throw argumentError(
      "CARRIER_INVALID",
      `Headers are a Headers, a map or an object, not ${describe(headers)}.`,
    );
  }
  const payload = trusted ? extractPayload(headers) : undefined;
  const session = new ActiveSession({ ...options, id: options.id ?? payload?.id });
  const attached = extractTrace(headers);
  if (attached !== undefined) session.attached = { ...session.attached, ...attached };
  if (payload !== undefined) storage.run(session, receive, session, payload);
  return session;
}
