import { readdir } from "node:fs/promises";
import type { Answers, Mode } from "./answers.ts";

/** What `GET /stats` answers. */
export interface Stats {
  /** Answers that are being written. */
  readonly writing: number;
  /** Sessions that have not ended. */
  readonly sessions: number;
  readonly model: { readonly name: string; readonly seeded: boolean };
  /** Those that an answer can be begun in. */
  readonly modes: readonly Mode[];
  /** Resident memory of the server's process, in bytes. */
  readonly memory: number;
  /** Its open files and sockets; null where the system does not tell. */
  readonly openFiles: number | null;
  /** The server's clock, in milliseconds since the epoch. */
  readonly time: number;
}

/** Measure the server. */
export async function readStats(answers: Answers): Promise<Stats> {
  return {
    ...answers.stats(),
    model: { name: answers.model.name, seeded: answers.model.seeded },
    modes: answers.modes,
    memory: process.memoryUsage.rss(),
    openFiles: await countOpenFiles(),
    time: Date.now(),
  };
}

async function countOpenFiles(): Promise<number | null> {
  try {
    // One of them is the folder itself while it is read.
    return (await readdir("/dev/fd")).length - 1;
  } catch {
    return null;
  }
}
