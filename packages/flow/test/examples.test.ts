import { readdirSync, readFileSync } from "node:fs";
import { expect, it, vi } from "vitest";

const folder = new URL("../examples/", import.meta.url);
const files = readdirSync(folder);

/** What an example says at its end that it prints. */
function promised(text: string): string[] {
  return text
    .slice(text.indexOf("// Prints:\n") + "// Prints:\n".length)
    .trim()
    .split("\n")
    .map((line) => line.slice("// ".length));
}

it("there are at least ten examples", () => {
  expect(files.length).toBeGreaterThanOrEqual(10);
});

it.each(files)("%s prints what it says", async (file) => {
  const printed: string[] = [];
  const log = vi.spyOn(console, "log").mockImplementation((...values: unknown[]) => {
    printed.push(values.join(" "));
  });
  try {
    await import(new URL(file, folder).href);
  } finally {
    log.mockRestore();
  }
  expect(printed.join("\n").trimEnd().split("\n")).toEqual(
    promised(readFileSync(new URL(file, folder), "utf8")),
  );
});

const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");

it.each(files)("the README shows %s as it is", (file) => {
  const code = readFileSync(new URL(file, folder), "utf8");
  expect(readme).toContain(code.slice(0, code.indexOf("\n// Prints:")).trim());
});
