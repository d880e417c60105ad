import { mkdtemp, readFile, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { inspect } from "node:util";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

// Longer than they take, for machines that have much else to do.

const examples = fileURLToPath(new URL("../examples/", import.meta.url));
const names = (await readdir(examples)).filter((name) => name.endsWith(".ts"));
const readme = await readFile(new URL("../README.md", import.meta.url), "utf8");

describe("the README's examples", () => {
  const home = process.cwd();
  let dir = "";

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "fsqueue-example-"));
    process.chdir(dir);
  });

  afterEach(async () => {
    process.chdir(home);
    await rm(dir, { recursive: true });
  });

  test.each(names)("%s prints what its comments say", async (name) => {
    const printed: string[] = [];
    const log = vi.spyOn(console, "log").mockImplementation((...values: unknown[]) => {
      printed.push(values.map((one) => (typeof one === "string" ? one : inspect(one))).join(" "));
    });
    await import(join(examples, name));
    log.mockRestore();
    const source = await readFile(join(examples, name), "utf8");
    expect(printed).toEqual(promised(source));
  });

  test("are the files in examples/, word for word", () => {
    const blocks = [...readme.matchAll(/```ts\n([\s\S]*?)```/g)].map((match) => match[1]);
    expect(blocks.length).toBe(names.length);
    for (const block of blocks) expect(sources).toContain(block);
  });
});

const sources = await Promise.all(names.map((name) => readFile(join(examples, name), "utf8")));

/** `// prints a, b; why` is two lines; a list in brackets or braces is one. */
function promised(source: string): string[] {
  return [...source.matchAll(/\/\/ prints (.*)$/gm)].flatMap((match) => {
    const text = (match[1] ?? "").replace(/[;:] .*$/, "");
    return /^[[{]/.test(match[1] ?? "") ? [match[1] ?? ""] : text.split(", ");
  });
}
