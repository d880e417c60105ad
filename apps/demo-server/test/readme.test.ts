import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it, onTestFinished } from "vitest";
import { answerTo } from "../src/seeded-model.ts";
import { freshFolder, serveAll, serveWith } from "./server-on-files.ts";

const run = promisify(execFile);
const app = new URL("..", import.meta.url).pathname;
const root = join(app, "../..");
const readme = await readFile(join(root, "README.md"), "utf8");
const appReadme = await readFile(join(app, "README.md"), "utf8");

/** The blocks of a README in one language, as written. */
function blocks(text: string, language: string): string[] {
  return [...text.matchAll(new RegExp(`^\`\`\`${language}\n([\\s\\S]*?)^\`\`\``, "gm"))].map(
    (match) => match[1]!,
  );
}

/** Compile an example as a user's project would, and run it; resolves with what it prints. */
async function runExample(example: string): Promise<string> {
  // Below the app, so that the packages are found as a user's project would find them.
  await mkdir(join(app, "node_modules/.readme"), { recursive: true });
  const dir = await mkdtemp(join(app, "node_modules/.readme/"));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  await writeFile(join(dir, "example.ts"), example);
  await writeFile(join(dir, "package.json"), '{ "type": "module" }');
  const options = [
    "--ignoreConfig",
    "--module",
    "nodenext",
    "--target",
    "es2023",
    "--lib",
    "es2023,esnext.disposable",
    "--types",
    "node",
    "--strict",
    "--skipLibCheck",
  ];
  await run(join(root, "node_modules/.bin/tsc"), [...options, join(dir, "example.ts")]);
  return (await run(process.execPath, ["example.js"], { cwd: dir })).stdout;
}

const server = serveAll("--tokens-per-second", "100");
/** An example as written, but for the address. */
const here = (example: string): string => example.replaceAll("http://127.0.0.1:3000", server.url);

describe("the README of the repository", () => {
  it("names the two commands first", () => {
    const [first] = blocks(readme, "sh");
    expect(
      first!
        .split("\n")
        .map((line) => line.split("#")[0]!.trim())
        .filter(Boolean),
    ).toEqual(["npm start", "npm test"]);
  });

  it("streams an answer with its curl command, and resumes it with the next", async () => {
    const [ask, resume] = blocks(readme, "sh").filter((block) => block.startsWith("curl"));
    const expected = answerTo("Why is a queue a good place for an answer?").map(({ text }) => text);
    expect(texts((await run("bash", ["-c", here(ask!)])).stdout)).toEqual(expected);
    expect(texts((await run("bash", ["-c", here(resume!)])).stdout)).toEqual(expected.slice(3));
  });

  it("has an example in TypeScript that compiles and runs as written", async () => {
    const [example] = blocks(readme, "ts");
    expect(
      (await runExample(example!))
        .trim()
        .split("\n")
        .map((line) => line.split(" ").slice(1).join(" ")),
    ).toEqual(["You", "asked:", "Why?"]);
  });
});

describe("the README of the app", () => {
  const expected = answerTo("Who answers?")
    .map(({ text }) => text)
    .join("");

  it("streams a completion with its curl command", async () => {
    const ask = blocks(appReadme, "sh").find((block) => block.startsWith("curl"));
    const { stdout } = await run("bash", ["-c", here(ask!)]);
    const contents = stdout.matchAll(/"delta":\{"content":("(?:[^"\\]|\\.)*")\}/g);
    expect(Array.from(contents, ([, text]) => JSON.parse(text!) as string).join("")).toBe(expected);
    expect(stdout.endsWith("data: [DONE]\n\n")).toBe(true);
  });

  it.each(
    blocks(appReadme, "ts").map((example) => [/from "(.*)"/.exec(example)![1], example] as const),
  )(
    "has an example for the package %s that compiles and runs as written",
    async (_name, example) => {
      expect((await runExample(here(example))).trimEnd()).toBe(expected);
    },
    30_000,
  );

  it("names the variables that put another model in place", async () => {
    const command = blocks(appReadme, "sh").find((block) => block.startsWith("LLM_"));
    const env = Object.fromEntries(
      Array.from(command!.matchAll(/(LLM_\w+)=(\S+)/g), ([, name, value]) => [name!, value!]),
    );
    const { url } = await serveWith(env, await freshFolder());
    expect(await (await fetch(`${url}/v1/models`)).json()).toMatchObject({
      data: [{ id: "llama3.2" }],
    });
  });
});

/** The texts of the token events in a raw event stream. */
function texts(stream: string): string[] {
  return [...stream.matchAll(/^event: token\nid: .*\ndata: (.*)$/gm)].map(
    ([, data]) => (JSON.parse(data!) as { text: string }).text,
  );
}
