import type { Exchange } from "./exchange.ts";
import { fault } from "./fault.ts";

/** How long a queue lives: a sliding window or a fixed time, never both. */
export interface Lifetime {
  readonly ttlMs?: number;
  readonly expiresAt?: number;
}

const longestTtlSeconds = 100 * 365 * 24 * 3600;
const timestamp = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/i;

/** `Stream-TTL` and `Stream-Expires-At`. Throws a 400 if one is malformed, or for both together. */
export function readLifetime(exchange: Exchange): Lifetime {
  const ttl = exchange.header("stream-ttl");
  const expires = exchange.header("stream-expires-at");
  if (ttl !== undefined && expires !== undefined) {
    throw fault(400, "LIFETIME_INVALID", "Give either Stream-TTL or Stream-Expires-At, not both.");
  }
  if (ttl !== undefined) return { ttlMs: readTtl(ttl) };
  if (expires !== undefined) return { expiresAt: readExpiry(expires) };
  return {};
}

/** The headers that tell how long a queue lives. */
export function lifetimeHeaders(lifetime: Lifetime): Record<string, string> {
  if (lifetime.ttlMs !== undefined) {
    return { "stream-ttl": String(Math.floor(lifetime.ttlMs / 1000)) };
  }
  if (lifetime.expiresAt === undefined) return {};
  return { "stream-expires-at": new Date(lifetime.expiresAt).toISOString() };
}

/** True if both live equally long, by the same measure. */
export function sameLifetime(left: Lifetime, right: Lifetime): boolean {
  return left.ttlMs === right.ttlMs && left.expiresAt === right.expiresAt;
}

function readTtl(value: string): number {
  const seconds = /^(?:0|[1-9]\d{0,11})$/.test(value) ? Number(value) : Number.NaN;
  if (seconds <= longestTtlSeconds) return seconds * 1000;
  throw fault(
    400,
    "LIFETIME_INVALID",
    `Stream-TTL is a whole number of seconds from 0 to ${longestTtlSeconds}, without sign or leading zeros.`,
  );
}

function readExpiry(value: string): number {
  const time = timestamp.test(value) ? Date.parse(value) : Number.NaN;
  if (!Number.isNaN(time)) return Math.max(0, time);
  throw fault(400, "LIFETIME_INVALID", "Stream-Expires-At is a time as in RFC 3339.");
}
