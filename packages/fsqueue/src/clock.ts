/** The time a store goes by. Tests give one that they move themselves; see `@lazy/fsqueue/testing`. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Call `run` once at or soon after this time, without keeping the process alive; returns a cancel. */
  schedule(at: number, run: () => void): () => void;
}

const longestTimer = 2 ** 31 - 1;

/** The machine's time. A time further away than a timer can reach is called early, at the longest timer. */
export const systemClock: Clock = {
  now: () => Date.now(),
  schedule(at, run) {
    const timer = setTimeout(run, Math.min(Math.max(0, at - Date.now()), longestTimer));
    timer.unref();
    return () => clearTimeout(timer);
  },
};
