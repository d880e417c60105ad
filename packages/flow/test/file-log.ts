import { appendFileSync, existsSync, readFileSync } from "node:fs";
import type { CheckpointEntry, CheckpointLog } from "@lazy/flow";

/** The smallest checkpoint log that survives a crash: a line of JSON per entry, read in pages of two. */
export function fileLog(path: string): CheckpointLog & { entries(): CheckpointEntry[] } {
  const entries = (): CheckpointEntry[] =>
    existsSync(path)
      ? readFileSync(path, "utf8")
          .split("\n")
          .filter((line) => line !== "")
          .map((line) => JSON.parse(line) as CheckpointEntry)
      : [];
  return {
    entries,
    enqueue(entry) {
      appendFileSync(path, `${JSON.stringify(entry)}\n`);
    },
    async read(from = "0") {
      const all = entries();
      const next = Math.min(Number(from) + 2, all.length);
      return {
        messages: all.slice(Number(from), next).map((value) => ({ value })),
        next: String(next),
        atEnd: next === all.length,
      };
    },
  };
}
