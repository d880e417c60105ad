/**
 * What {@link Authorize} is shown of a request. A Fetch `Request` is one; on the fast path of
 * `toNodeListener` it is a light stand-in with these members only.
 */
export interface RequestHead {
  /** In capitals. */
  readonly method: string;
  /** Absolute. */
  readonly url: string;
  readonly headers: {
    /** The value of a header, several joined by `, `; null if it is missing. */
    get(name: string): string | null;
  };
}

/** One request as the core sees it, from whichever adapter. */
export interface Exchange {
  readonly method: string;
  /** Undecoded, without the query. */
  readonly path: string;
  /** Undecoded, without the question mark. */
  readonly query: string;
  /** `http://host` or `https://host`, as the client wrote it. */
  readonly origin: string;
  readonly head: RequestHead;
  /** A header by its name in lower case. */
  header(name: string): string | undefined;
  /** The whole body; throws the 413 fault as soon as it is known to be longer than `most` bytes. */
  readBody(most: number): Promise<Uint8Array>;
  /** Call once when the client is gone before its answer was complete; returns a function that unregisters. */
  onGone(listener: () => void): () => void;
}
