import { statfsSync } from "node:fs";
import { cpus, tmpdir } from "node:os";

/** One side of a comparison. It is built once per process and sampled once per round. */
export interface Contender {
  readonly name: string;
  /** Others' software: when it fails or hangs it is left out, and the question goes on without it. */
  readonly rival?: boolean;
  /** Do the work once and return its figure, in the question's unit. See {@link nanosecondsPerCall}. */
  sample(): number | Promise<number>;
  close?(): void | Promise<void>;
}

/** A promise about two contenders' ratio, or about one's own figure, checked and printed with every run. */
export interface Target {
  readonly subject: string;
  /** Without one the bounds are those of the subject's figure itself, in the question's unit. */
  readonly rival?: string;
  /** Bounds of the median of subject ÷ rival. */
  readonly atMost?: number;
  readonly atLeast?: number;
  /** Node major versions it speaks of; without it all. */
  readonly node?: { readonly from?: number; readonly below?: number };
}

/** What a benchmark asks; each is run in a process of its own, so that none warms up another's code. */
export interface Question {
  /** `package/what`, the name on the command line. */
  readonly name: string;
  readonly unit: string;
  /** Rounds of a full run. Default 15; a smoke run takes one. */
  readonly rounds?: number;
  readonly targets: readonly Target[];
  contenders(options: {
    readonly smoke: boolean;
    /** Tell that a rival is not here and why; it is printed, and its targets count as not measured. */
    leaveOut(name: string, why: string): void;
  }): readonly Contender[] | Promise<readonly Contender[]>;
}

/** A line of the result: a contender's figure, or a target's ratio. Figures are medians over the rounds. */
export type Row =
  | {
      kind: "figure";
      question: string;
      name: string;
      unit: string;
      median: number;
      low: number;
      high: number;
    }
  | {
      kind: "ratio";
      question: string;
      subject: string;
      /** Missing where the target is one for the figure itself. */
      rival?: string;
      median: number;
      /** First and third quartile of the ratios (or figures) of the single rounds. */
      low: number;
      high: number;
      target: string;
      /** Absent in a smoke run: one short round shows that it runs, and judges nothing. */
      met?: boolean;
    }
  | { kind: "left-out"; question: string; name: string; why: string };

/** Names of the commoner magic numbers of Linux's statfs(2). */
const fileSystems: Readonly<Record<number, string>> = {
  0xef53: "ext4",
  0x58465342: "xfs",
  0x9123683e: "btrfs",
  0x01021994: "tmpfs",
  0x794c7630: "overlay",
  0x2fc12fc1: "zfs",
};

/** Where the figures come from: runtime, processor, system, and the file system of temporary folders. */
export function machine(): string {
  const processor = cpus();
  const { type } = statfsSync(tmpdir());
  const fileSystem = fileSystems[type] ?? `file system 0x${type.toString(16)}`;
  return `Node ${process.versions.node}, ${processor.length} × ${processor[0]?.model ?? "unknown CPU"}, ${process.platform}, ${fileSystem}`;
}

/**
 * Sample all contenders in turn, round after round, in an order that rotates, and compare them round by
 * round: what disturbs the machine for a while disturbs both sides of a ratio.
 */
export async function answer(question: Question, options: { smoke: boolean }): Promise<Row[]> {
  const rows: Row[] = [];
  const leaveOut = (name: string, why: string): void => {
    rows.push({ kind: "left-out", question: question.name, name, why });
  };
  const contenders = await question.contenders({ smoke: options.smoke, leaveOut });
  const rounds = options.smoke ? 1 : (question.rounds ?? 15);
  const samples = new Map<string, number[]>(contenders.map(({ name }) => [name, []]));
  const warmUp = options.smoke ? 0 : 1;
  const limit = options.smoke ? smokeLimitMs : sampleLimitMs;
  for (let round = -warmUp; round < rounds; round++) {
    for (let index = 0; index < contenders.length; index++) {
      const contender = contenders[(index + round + warmUp) % contenders.length]!;
      const figures = samples.get(contender.name);
      if (figures === undefined) continue;
      globalThis.gc?.();
      try {
        const figure = await within(limit, contender);
        if (round >= 0) figures.push(figure);
      } catch (error) {
        if (contender.rival !== true) throw error;
        samples.delete(contender.name);
        leaveOut(contender.name, `${(error as Error).message} (round ${round})`);
      }
    }
  }
  for (const contender of contenders) await contender.close?.();

  for (const [name, values] of samples) {
    rows.push({
      kind: "figure",
      question: question.name,
      name,
      unit: question.unit,
      ...spread(values),
    });
  }
  for (const target of question.targets.filter(speaksOfThisNode)) {
    const subject = samples.get(target.subject);
    const rival = target.rival === undefined ? subject?.map(() => 1) : samples.get(target.rival);
    if (!subject || !rival) continue;
    const ratio = spread(subject.map((value, round) => value / rival[round]!));
    rows.push({
      kind: "ratio",
      question: question.name,
      subject: target.subject,
      ...(target.rival !== undefined && { rival: target.rival }),
      ...ratio,
      target: [
        target.atMost === undefined ? "" : `≤ ${target.atMost}`,
        target.atLeast === undefined ? "" : `≥ ${target.atLeast}`,
      ]
        .filter((bound) => bound !== "")
        .join(" and "),
      ...(options.smoke
        ? {}
        : {
            met:
              ratio.median <= (target.atMost ?? Infinity) && ratio.median >= (target.atLeast ?? 0),
          }),
    });
  }
  return rows;
}

/** Far beyond what any sample takes on a slow machine: a contender that hangs is to fail, not to hold the run up. */
const smokeLimitMs = 90_000;
const sampleLimitMs = 15 * 60_000;

/** One sample; rejects when it takes longer than the limit. */
async function within(limitMs: number, contender: Contender): Promise<number> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const message = `${contender.name} gave no figure within ${limitMs / 1000} s`;
    timer = setTimeout(() => reject(new Error(message)), limitMs);
  });
  try {
    return await Promise.race([contender.sample(), late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Time `calls` calls of a synchronous function, in nanoseconds each. */
export function nanosecondsPerCall(calls: number, call: (index: number) => unknown): number {
  const start = performance.now();
  for (let index = 0; index < calls; index++) call(index);
  return ((performance.now() - start) * 1e6) / calls;
}

/** Time an asynchronous piece of work of `calls` operations, in nanoseconds each. */
export async function nanosecondsPerAwait(
  calls: number,
  work: (calls: number) => Promise<unknown>,
): Promise<number> {
  const start = performance.now();
  await work(calls);
  return ((performance.now() - start) * 1e6) / calls;
}

function spread(values: readonly number[]): { median: number; low: number; high: number } {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (part: number): number => sorted[Math.round((sorted.length - 1) * part)]!;
  return { median: at(0.5), low: at(0.25), high: at(0.75) };
}

function speaksOfThisNode({ node }: Target): boolean {
  const major = Number.parseInt(process.versions.node, 10);
  return major >= (node?.from ?? 0) && major < (node?.below ?? Infinity);
}
