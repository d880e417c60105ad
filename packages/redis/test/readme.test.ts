import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { inspect } from "node:util";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { hasRedis } from "./fixtures/redis-server.ts";
import { sharedServer } from "./fixtures/temporary.ts";

const examples = fileURLToPath(new URL("../examples/", import.meta.url));
const names = (await readdir(examples)).filter((name) => name.endsWith(".ts"));
const sources = await Promise.all(names.map((name) => readFile(join(examples, name), "utf8")));
const readme = await readFile(new URL("../README.md", import.meta.url), "utf8");

describe.skipIf(!hasRedis())("the README's examples", () => {
  const server = sharedServer();

  test.each(names)("%s prints what its comments say", async (name) => {
    await server().command("FLUSHALL");
    vi.stubEnv("REDIS_URL", server().url);
    const printed: string[] = [];
    const log = vi.spyOn(console, "log").mockImplementation((...values: unknown[]) => {
      printed.push(values.map((one) => (typeof one === "string" ? one : inspect(one))).join(" "));
    });
    onTestFinished(() => {
      log.mockRestore();
      vi.unstubAllEnvs();
    });
    await import(join(examples, name));
    const promised = [...(sources[names.indexOf(name)] ?? "").matchAll(/\/\/ prints (.*)$/gm)];
    expect(printed).toEqual(
      promised.flatMap(([, text = ""]) => text.replace(/[;:] .*$/, "").split(", ")),
    );
  });

  test("are the files in examples/, word for word", () => {
    const blocks = [...readme.matchAll(/```ts\n([\s\S]*?)```/g)].map((match) => match[1]);
    expect(blocks.length).toBe(names.length);
    for (const block of blocks) expect(sources).toContain(block);
  });
});

test("the README has a line for every code that only this store gives", async () => {
  for (const code of [
    "OUTCOME_UNKNOWN",
    "STORE_FULL",
    "STORE_FAILED",
    "STORE_READONLY",
    "CORRUPT",
    "UNSUPPORTED",
  ]) {
    expect(readme).toContain(`| \`${code}\``);
  }
});
