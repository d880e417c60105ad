import { RunContext } from "./context.ts";
import { Reader } from "./reader.ts";
import { Scope } from "./scope.ts";
import { type Answer, Source } from "./source.ts";

/** Readers of the same chunks; see `Stream.tee`. */
export function teeReaders(
  stream: AsyncIterable<unknown>,
  count: number,
  buffer: number,
): Reader[] {
  if (!Number.isInteger(count) || count < 1) {
    throw new TypeError(`tee: the number of readers is a whole number from 1 on, not ${count}.`);
  }
  if (!Number.isInteger(buffer) || buffer < 1) {
    throw new TypeError(`tee: buffer is a whole number of chunks from 1 on, not ${buffer}.`);
  }
  const tee = new Tee(stream[Symbol.asyncIterator](), buffer);
  return Array.from({ length: count }, () => {
    const source = new TeeSource(tee);
    tee.add(source);
    const scope = new Scope(undefined, undefined);
    const context = new RunContext(undefined, {}, scope, undefined, undefined);
    const readout = {
      open: () => source,
      discard: () => source.close(),
      tail: undefined,
      fail: (error: unknown) => error,
    };
    return new Reader(readout, context, undefined);
  });
}

/** The chunks that not every reader has had yet: never more than the bound. */
class Tee {
  readonly #iterator: AsyncIterator<unknown>;
  readonly #bound: number;
  readonly #readers = new Set<TeeSource>();
  readonly #chunks: unknown[] = [];
  /** The position of `#chunks[0]`, counted from the start of the stream. */
  #first = 0;
  #pulling: Promise<void> | undefined;
  #ended: { readonly error?: unknown } | undefined;
  /** Readers at the bound, waiting for the slowest one. */
  #blocked: (() => void)[] = [];

  constructor(iterator: AsyncIterator<unknown>, bound: number) {
    this.#iterator = iterator;
    this.#bound = bound;
  }

  add(reader: TeeSource): void {
    this.#readers.add(reader);
  }

  async remove(reader: TeeSource): Promise<void> {
    if (!this.#readers.delete(reader)) return;
    if (this.#readers.size === 0) await this.#iterator.return?.();
    else this.#trim();
  }

  pull(reader: TeeSource): Answer | Promise<Answer> {
    const index = reader.position - this.#first;
    if (index < this.#chunks.length) {
      const value = this.#chunks[index];
      reader.position += 1;
      if (index === 0) this.#trim();
      return { done: false, value };
    }
    if (this.#ended !== undefined) {
      if ("error" in this.#ended) throw this.#ended.error;
      return { done: true, value: undefined };
    }
    const turn =
      this.#chunks.length < this.#bound
        ? (this.#pulling ??= this.#fetch())
        : new Promise<void>((resolve) => this.#blocked.push(resolve));
    return turn.then(() => this.pull(reader));
  }

  async #fetch(): Promise<void> {
    try {
      const { done, value } = await this.#iterator.next();
      if (done === true) this.#ended = {};
      else this.#chunks.push(value);
    } catch (error) {
      this.#ended = { error };
    }
    this.#pulling = undefined;
  }

  /** Drop what every reader has had. */
  #trim(): void {
    let slowest = Infinity;
    for (const { position } of this.#readers) slowest = Math.min(slowest, position);
    const dropped = Math.min(slowest - this.#first, this.#chunks.length);
    if (dropped === 0) return;
    this.#chunks.splice(0, dropped);
    this.#first += dropped;
    const blocked = this.#blocked;
    this.#blocked = [];
    for (const resume of blocked) resume();
  }
}

class TeeSource extends Source {
  readonly #tee: Tee;
  /** The next chunk's position, counted from the start of the stream. */
  position = 0;

  constructor(tee: Tee) {
    super();
    this.#tee = tee;
  }

  pull(): Answer | Promise<Answer> {
    return this.#tee.pull(this);
  }

  close(): Promise<void> {
    return this.#tee.remove(this);
  }

  blame(error: unknown): unknown {
    return error;
  }
}
