import { FlowError } from "./errors.ts";

/** What a run writes down: that it began, and then each step that finished. */
export interface CheckpointEntry {
  /** The run's id. */
  readonly run: string;
  /** Which step, at any depth; empty for the beginning of the run. */
  readonly step: string;
  /** What the step returned; of the beginning, the names of the flow's steps. It must survive being stored. */
  readonly output?: unknown;
}

/**
 * Where finished steps are written down: append, and read from the start in pages. A queue of
 * `@lazy/fsqueue` that belongs to no session, such as `queues.session("jobs").queue("checkpoints")`, is
 * one. Several runs may share a log.
 */
export interface CheckpointLog {
  /** Settles when the entry would survive a crash. */
  enqueue(entry: CheckpointEntry): unknown;
  /** Entries after a position, in order. */
  read(from?: string): Promise<{
    readonly messages: readonly { readonly value: unknown }[];
    /** Where to read on. */
    readonly next: string;
    readonly atEnd: boolean;
  }>;
}

/** What a run has finished, in earlier attempts and in this one. */
export class Checkpoint {
  readonly #log: CheckpointLog;
  readonly #run: string;
  readonly #outputs: ReadonlyMap<string, unknown>;

  private constructor(log: CheckpointLog, run: string, outputs: ReadonlyMap<string, unknown>) {
    this.#log = log;
    this.#run = run;
    this.#outputs = outputs;
  }

  /** Read what an earlier attempt at this run has finished. */
  static async load(
    log: CheckpointLog,
    run: string,
    steps: readonly string[],
  ): Promise<Checkpoint> {
    const outputs = new Map<string, unknown>();
    try {
      await log.enqueue({ run, step: "", output: steps });
      for (let from: string | undefined; ;) {
        const page = await (from === undefined ? log.read() : log.read(from));
        for (const { value } of page.messages) {
          const entry = value as CheckpointEntry;
          if (entry.run !== run) continue;
          if (entry.step === "") sameFlow(entry.output, steps, run);
          else outputs.set(entry.step, entry.output);
        }
        if (page.atEnd) break;
        from = page.next;
      }
    } catch (cause) {
      throw cause instanceof FlowError ? cause : failed("read", run, cause);
    }
    return new Checkpoint(log, run, outputs);
  }

  has(step: string): boolean {
    return this.#outputs.has(step);
  }

  get(step: string): unknown {
    return this.#outputs.get(step);
  }

  async finished(step: string, output: unknown): Promise<void> {
    try {
      await this.#log.enqueue({ run: this.#run, step, output });
    } catch (cause) {
      throw failed("written", this.#run, cause);
    }
  }
}

function sameFlow(before: unknown, now: readonly string[], run: string): void {
  if (JSON.stringify(before) === JSON.stringify(now)) return;
  throw new FlowError(
    "CHECKPOINT_MISMATCH",
    `Run "${run}" was begun with the steps ${JSON.stringify(before)}, the flow has ${JSON.stringify(now)} now. Start a run with a new runId.`,
  );
}

function failed(what: string, run: string, cause: unknown): FlowError {
  return new FlowError(
    "CHECKPOINT_FAILED",
    `The checkpoint of run "${run}" could not be ${what}: ${cause instanceof Error ? cause.message : String(cause)}`,
    { cause },
  );
}
