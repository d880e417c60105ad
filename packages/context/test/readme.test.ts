import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { inspect } from "node:util";
import { expect, test, vi } from "vitest";

const examples = fileURLToPath(new URL("../examples/", import.meta.url));
const names = (await readdir(examples)).filter((name) => name.endsWith(".ts"));
const sources = await Promise.all(names.map((name) => readFile(join(examples, name), "utf8")));
const readme = await readFile(new URL("../README.md", import.meta.url), "utf8");
const errors = await readFile(new URL("../src/errors.ts", import.meta.url), "utf8");

test.for(names)("the example %s prints what its comments say", async (name) => {
  const printed: string[] = [];
  const log = vi.spyOn(console, "log").mockImplementation((...values: unknown[]) => {
    printed.push(values.map((one) => (typeof one === "string" ? one : inspect(one))).join(" "));
  });
  await import(join(examples, name));
  log.mockRestore();
  const source = sources[names.indexOf(name)]!;
  const promised = [...source.matchAll(/\/\/ prints (.*)$/gm)].map((match) => match[1]);
  expect(printed).toEqual(promised);
});

test("the README's examples are those files, word for word, and each is there", () => {
  const blocks = [...readme.matchAll(/```ts\n([\s\S]*?)```/g)].map((match) => match[1]!);
  expect(blocks.toSorted()).toEqual(sources.toSorted());
});

test("the README has a line for each error code", () => {
  const codes = [...errors.matchAll(/^ {2}\| "([A-Z_]+)"/gm)].map((match) => match[1]);
  const listed = [...readme.matchAll(/^\| `([A-Z_]+)`/gm)].map((match) => match[1]);
  expect(listed).toEqual(codes);
});
