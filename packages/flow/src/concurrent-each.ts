import type { RunContext } from "./context.ts";
import type { ChunkStep } from "./each.ts";
import { type Answer, Source } from "./source.ts";
import { isThenable } from "./thenable.ts";

/**
 * An `each` with several chunks under way at once, given on in the order they came. With nobody reading,
 * at most `concurrency` chunks are read ahead.
 */
export class ConcurrentEachSource extends Source {
  readonly #upstream: Source;
  readonly #step: ChunkStep;
  readonly #concurrency: number;
  readonly #context: RunContext;
  /** What was started and not yet given on, oldest first. */
  readonly #started: Promise<Answer>[] = [];
  /** Chunks are read from upstream one after the other. */
  #reading: Promise<void> | undefined;
  #ended = false;

  constructor(upstream: Source, step: ChunkStep, concurrency: number, context: RunContext) {
    super();
    this.#upstream = upstream;
    this.#step = step;
    this.#concurrency = concurrency;
    this.#context = context;
  }

  async pull(): Promise<Answer> {
    while (this.#started.length === 0) {
      if (this.#ended) return { done: true, value: undefined };
      await this.#fill();
    }
    void this.#fill();
    const answer = await this.#started[0]!;
    void this.#started.shift();
    return answer;
  }

  close(): unknown {
    this.#ended = true;
    return this.#upstream.close();
  }

  /** Nothing to add: the step was named when it failed. */
  blame(error: unknown): unknown {
    return error;
  }

  #fill(): Promise<void> {
    this.#reading ??= this.#read().finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  async #read(): Promise<void> {
    while (!this.#ended && this.#started.length < this.#concurrency) {
      let answer: Answer;
      try {
        const pulled = this.#upstream.pull();
        answer = isThenable(pulled) ? await pulled : pulled;
      } catch (error) {
        this.#ended = true;
        this.#start(Promise.reject(this.#upstream.blame(error)));
        return;
      }
      if (answer.done === true) this.#ended = true;
      else this.#start(this.#run(answer.value));
    }
  }

  #start(answer: Promise<Answer>): void {
    // Its turn may come after an earlier chunk has failed the stream: then nobody looks at it any more.
    answer.catch(() => undefined);
    this.#started.push(answer);
  }

  async #run(chunk: unknown): Promise<Answer> {
    try {
      return { done: false, value: await this.#step.run(chunk, this.#context) };
    } catch (error) {
      throw this.#context.blame(error, this.#step.name);
    }
  }
}
