import type { Token } from "../model.ts";

/** What was wrong with one answer, or with all of them. */
export interface Faults {
  /** Tokens of another answer, or not as they must read. */
  readonly foreign: number;
  /** Tokens that never came. */
  readonly missing: number;
  /** Tokens that came again. */
  readonly duplicated: number;
  /** Tokens that came after a later one. */
  readonly disordered: number;
}

export const noFaults: Faults = { foreign: 0, missing: 0, duplicated: 0, disordered: 0 };

/** Compare what a client received with what its session must receive: content, order and count. */
export function judge(expected: readonly Token[], received: readonly Token[]): Faults {
  let foreign = 0;
  let duplicated = 0;
  let disordered = 0;
  let latest = -1;
  const seen = new Set<number>();
  for (const token of received) {
    const right = expected[token.index];
    if (right === undefined || token.answer !== right.answer || token.text !== right.text)
      foreign += 1;
    else if (seen.has(token.index)) duplicated += 1;
    else {
      if (token.index < latest) disordered += 1;
      latest = Math.max(latest, token.index);
      seen.add(token.index);
    }
  }
  return { foreign, missing: expected.length - seen.size, duplicated, disordered };
}

export function addFaults(a: Faults, b: Faults): Faults {
  return {
    foreign: a.foreign + b.foreign,
    missing: a.missing + b.missing,
    duplicated: a.duplicated + b.duplicated,
    disordered: a.disordered + b.disordered,
  };
}

export function isFaultless(faults: Faults): boolean {
  return Object.values(faults).every((count) => count === 0);
}
