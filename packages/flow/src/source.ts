/** A chunk, or the end. */
export type Answer = IteratorResult<unknown, unknown>;

/**
 * A stream inside a run. It may answer at once or later, so that a chunk whose steps are all synchronous
 * costs no promise.
 *
 * Who reads it must not pull again before the last answer has settled, names the step of a failed pull
 * with `blame`, and closes it after a failure.
 */
export abstract class Source {
  abstract pull(): Answer | PromiseLike<Answer>;
  /** End it early. Idempotent; settles when every `finally` has run. */
  abstract close(): unknown;
  /** Name the step that failed in `pull`. Naming here and not in `pull` saves a promise per chunk. */
  abstract blame(error: unknown): unknown;
}

/** What a step may return to be a stream: its iterator, and what else ends it. */
interface Opened {
  readonly iterator: Iterator<unknown> | AsyncIterator<unknown>;
  /** For streams whose iterator does not end them before it was started. */
  readonly destroy: (() => unknown) | undefined;
}

/** Open what a step returned, if it is a stream; an array, a string or a Map is a value. */
function openStream(value: object): Opened | undefined {
  const candidate = value as Partial<AsyncIterable<unknown>> &
    Partial<IterableIterator<unknown>> & {
      getReader?: unknown;
      destroy?: unknown;
      destroyed?: unknown;
    };
  if (typeof candidate[Symbol.asyncIterator] === "function") {
    const destroy =
      typeof candidate.destroy === "function" && typeof candidate.destroyed === "boolean"
        ? (candidate.destroy.bind(candidate) as () => unknown)
        : undefined;
    return { iterator: (candidate as AsyncIterable<unknown>)[Symbol.asyncIterator](), destroy };
  }
  if (typeof candidate.next === "function" && typeof candidate[Symbol.iterator] === "function") {
    return { iterator: candidate as Iterator<unknown>, destroy: undefined };
  }
  if (typeof candidate.getReader === "function") {
    return { iterator: readerIterator(value as ReadableLike), destroy: undefined };
  }
  return undefined;
}

/** The part of a web stream that every runtime has. */
interface ReadableLike {
  getReader(): {
    read(): Promise<{ done: boolean; value?: unknown }>;
    cancel(reason?: unknown): Promise<void>;
  };
}

function readerIterator(stream: ReadableLike): AsyncIterator<unknown> {
  const reader = stream.getReader();
  return {
    next: () => reader.read() as Promise<Answer>,
    async return() {
      await reader.cancel();
      return { done: true, value: undefined };
    },
  };
}

/** Puts a step's name in front of an error's path. */
interface Namer {
  blame(error: unknown, name: string): unknown;
}

/** What a step returned, as a source that names the step in its errors; undefined if it is a value. */
export function toSource(value: object, name: string, namer: Namer): Source | undefined {
  if (value instanceof Source) return new NamedSource(value, name, namer);
  const opened = openStream(value);
  if (opened === undefined) return undefined;
  const { iterator, destroy } = opened;
  return destroy === undefined
    ? new IteratorSource(iterator, name, namer)
    : new NodeSource(iterator, destroy, name, namer);
}

/** A stream that a step's own code makes. */
class IteratorSource extends Source {
  readonly #name: string;
  readonly #namer: Namer;
  #iterator: Opened["iterator"] | undefined;

  constructor(iterator: Opened["iterator"], name: string, namer: Namer) {
    super();
    this.#iterator = iterator;
    this.#name = name;
    this.#namer = namer;
  }

  pull(): Answer | PromiseLike<Answer> {
    const iterator = this.#iterator;
    return iterator === undefined ? { done: true, value: undefined } : iterator.next();
  }

  close(): unknown {
    const iterator = this.#iterator;
    this.#iterator = undefined;
    return iterator?.return?.();
  }

  blame(error: unknown): unknown {
    return this.#namer.blame(error, this.#name);
  }
}

/** A Node stream: its iterator does not end it before it was started. */
class NodeSource extends IteratorSource {
  #destroy: (() => unknown) | undefined;

  constructor(iterator: Opened["iterator"], destroy: () => unknown, name: string, namer: Namer) {
    super(iterator, name, namer);
    this.#destroy = destroy;
  }

  override pull(): Answer | PromiseLike<Answer> {
    this.#destroy = undefined;
    return super.pull();
  }

  override close(): unknown {
    this.#destroy?.();
    return super.close();
  }
}

/** A stream that a flow or combinator made as a step of another flow. */
class NamedSource extends Source {
  readonly #inner: Source;
  readonly #name: string;
  readonly #namer: Namer;

  constructor(inner: Source, name: string, namer: Namer) {
    super();
    this.#inner = inner;
    this.#name = name;
    this.#namer = namer;
  }

  pull(): Answer | PromiseLike<Answer> {
    return this.#inner.pull();
  }

  close(): unknown {
    return this.#inner.close();
  }

  blame(error: unknown): unknown {
    return this.#namer.blame(this.#inner.blame(error), this.#name);
  }
}

/** A value where a stream was asked for: its only chunk. */
export class SingleSource extends Source {
  readonly #value: unknown;
  #given = false;

  constructor(value: unknown) {
    super();
    this.#value = value;
  }

  pull(): Answer {
    if (this.#given) return { done: true, value: undefined };
    this.#given = true;
    return { done: false, value: this.#value };
  }

  close(): void {
    this.#given = true;
  }

  blame(error: unknown): unknown {
    return error;
  }
}
