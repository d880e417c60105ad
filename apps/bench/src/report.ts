import type { Row } from "./harness.ts";

/** One line for people: figures plain, ratios with target and verdict. */
export function printRow(row: Row): string {
  switch (row.kind) {
    case "figure":
      return `  ${row.name.padEnd(36)} ${number(row.median).padStart(12)} ${row.unit}  [${number(row.low)} – ${number(row.high)}]`;
    case "ratio":
      return `  ${verdict(row.met)} ${row.subject}${row.rival === undefined ? "" : ` ÷ ${row.rival}`} = ${number(row.median)} [${number(row.low)} – ${number(row.high)}], target ${row.target}`;
    case "left-out":
      return `  left out: ${row.name}: ${row.why}`;
  }
}

function number(value: number): string {
  return value >= 1000 ? Math.round(value).toLocaleString("en") : value.toPrecision(3);
}

function verdict(met: boolean | undefined): string {
  if (met === undefined) return "ran   ";
  return met ? "met   " : "MISSED";
}
