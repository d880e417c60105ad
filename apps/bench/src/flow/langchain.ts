import {
  Runnable,
  type RunnableConfig,
  RunnableLambda,
  RunnableSequence,
} from "@langchain/core/runnables";

/** A step of LangChain's expression language that handles chunk by chunk, made as its own output parsers are. */
class EachChunk extends Runnable<number, number> {
  lc_namespace = ["bench"];
  readonly #step: (n: number) => number | Promise<number>;

  constructor(step: (n: number) => number | Promise<number>) {
    super();
    this.#step = step;
  }

  async invoke(input: number): Promise<number> {
    return this.#step(input);
  }

  override async *transform(
    generator: AsyncGenerator<number>,
    options: Partial<RunnableConfig>,
  ): AsyncGenerator<number> {
    // oxlint-disable-next-line no-underscore-dangle -- its name
    yield* this._transformStreamWithConfig(generator, (chunks) => this.#each(chunks), options);
  }

  async *#each(chunks: AsyncGenerator<number>): AsyncGenerator<number> {
    for await (const chunk of chunks) yield this.#step(chunk);
  }
}

/** A source and steps per chunk as a chain; null if there is no step. */
export function chunkChain(
  source: (chunks: number) => AsyncGenerator<number>,
  steps: readonly ((n: number) => number | Promise<number>)[],
): Runnable<number, number> {
  const first = RunnableLambda.from(source) as unknown as Runnable<number, number>;
  return steps.reduce<Runnable<number, number>>(
    (chain, step) => chain.pipe(new EachChunk(step)),
    first,
  );
}

/** Steps on a value as a chain. */
export function valueChain(
  steps: readonly ((n: number) => Promise<number>)[],
): Runnable<number, number> {
  const [first, ...rest] = steps.map((step) => RunnableLambda.from(step));
  return RunnableSequence.from<number, number>([first!, ...rest.slice(0, -1), rest.at(-1)!]);
}
