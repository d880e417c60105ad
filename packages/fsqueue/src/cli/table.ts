import stringWidth from "string-width";

/** A column: its title, and on which side its cells are aligned. */
export interface Column {
  readonly title: string;
  readonly align?: "left" | "right";
}

/** Rows as aligned text, each ending with a line feed; without rows only what `empty` says. */
export function table(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  empty: string,
): string {
  if (rows.length === 0) return `${empty}\n`;
  const lines = [columns.map(({ title }) => title), ...rows.map((row) => row.map(printable))];
  const widths = columns.map((_, index) => {
    return Math.max(...lines.map((line) => stringWidth(line[index] ?? "")));
  });
  return lines
    .map((line) => {
      const cells = columns.map(({ align = "left" }, index) => {
        const cell = line[index] ?? "";
        const fill = " ".repeat((widths[index] ?? 0) - stringWidth(cell));
        return align === "left" ? cell + fill : fill + cell;
      });
      return `${cells.join("  ").trimEnd()}\n`;
    })
    .join("");
}

/** On one line, without control characters, which would move the cursor or change colours. */
export function printable(text: string): string {
  // eslint-disable-next-line no-control-regex -- control characters are what is looked for
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, (character) => {
    // JSON has an escape for all but those from 127 on.
    return character < " " ? JSON.stringify(character).slice(1, -1) : "\uFFFD";
  });
}

/** 1536 → "1.5 KiB". */
export function sizeText(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}

/** Local time to the second. */
export function timeText(time: number): string {
  const date = new Date(time);
  const day = [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate())].join("-");
  return `${day} ${[date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(":")}`;
}

function two(value: number): string {
  return String(value).padStart(2, "0");
}
