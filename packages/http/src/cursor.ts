const epoch = Date.UTC(2024, 9, 9);
const intervalMs = 20_000;
const mostJitterSeconds = 3600;

/**
 * The `Stream-Cursor` that keeps caches from collapsing clients onto an old answer for ever: the number of
 * the current 20 s interval, or, if the client's own is not behind that, a little more than the client's.
 *
 * Source: Durable Streams protocol, section 10.1.
 */
export function nextCursor(client: string | undefined, now: number = Date.now()): string {
  const current = Math.floor((now - epoch) / intervalMs);
  const given = client !== undefined && /^\d{1,15}$/.test(client) ? Number(client) : -1;
  if (given < current) return String(current);
  const jitterSeconds = 1 + Math.floor(Math.random() * mostJitterSeconds);
  return String(given + Math.max(1, Math.floor((jitterSeconds * 1000) / intervalMs)));
}
