/** How live reading behaves. */
export interface LiveOptions {
  /** A waiting long-poll is answered 204 after this time. Default 30,000 ms. */
  readonly longPollMs: number;
  /** A silent event stream carries a comment this often, against proxies that cut idle ones. Default 15,000 ms. */
  readonly heartbeatMs: number;
  /** An event stream is ended after this time and resumed by the client. Default 60,000 ms. */
  readonly rotateMs: number;
  /** How long an `EventSource` waits before it connects again. Default 1,000 ms. */
  readonly retryMs: number;
}

const defaults: LiveOptions = {
  longPollMs: 30_000,
  heartbeatMs: 15_000,
  rotateMs: 60_000,
  retryMs: 1_000,
};

/** The defaults with what was given. Throws a `TypeError` for a time that is none. */
export function completeLiveOptions(given: Partial<LiveOptions> = {}): LiveOptions {
  const options = { ...defaults, ...given };
  for (const [name, value] of Object.entries(options)) {
    if (typeof value !== "number" || !(value >= 0)) {
      throw new TypeError(`live.${name} is a time in milliseconds, not ${String(value)}.`);
    }
  }
  return options;
}
