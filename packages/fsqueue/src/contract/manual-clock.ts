import type { Clock } from "../clock.ts";

/** A clock that stands still until it is moved. */
export interface ManualClock extends Clock {
  /** Let this many milliseconds pass, calling what comes due at its time and in order; fewer than 0 set it back. */
  advance(ms: number): void;
}

/** A clock that starts at this time (default: now) and stands still until it is advanced. */
export function createManualClock(start: number = Date.now()): ManualClock {
  let now = start;
  const scheduled = new Set<{ readonly at: number; readonly run: () => void }>();
  return {
    now: () => now,
    schedule(at, run) {
      const entry = { at, run };
      scheduled.add(entry);
      return () => scheduled.delete(entry);
    },
    advance(ms) {
      const end = now + ms;
      for (;;) {
        const [next] = [...scheduled].toSorted((a, b) => a.at - b.at);
        if (next === undefined || next.at > end) break;
        scheduled.delete(next);
        now = Math.max(now, next.at);
        next.run();
      }
      now = end;
    },
  };
}
