import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import { answerTo } from "../src/seeded-model.ts";
import { freshFolder, serve } from "./server-on-files.ts";

const run = promisify(execFile);
const app = new URL("..", import.meta.url).pathname;
const root = join(app, "../..");
const readme = await readFile(join(root, "README.md"), "utf8");

/** The blocks of the root README in one language, as written. */
function blocks(language: string): string[] {
  return [...readme.matchAll(new RegExp(`^\`\`\`${language}\n([\\s\\S]*?)^\`\`\``, "gm"))].map(
    (match) => match[1]!,
  );
}

it("names the two commands first", () => {
  const [first] = blocks("sh");
  expect(
    first!
      .split("\n")
      .map((line) => line.split("#")[0]!.trim())
      .filter(Boolean),
  ).toEqual(["npm start", "npm test"]);
});

it("streams an answer with the documented curl command, and resumes it with the next", async () => {
  const [ask, resume] = blocks("sh").filter((block) => block.startsWith("curl"));
  const server = await serve(await freshFolder(), "--tokens-per-second", "200");
  const here = (command: string): string => command.replace("http://127.0.0.1:3000", server.url);

  const expected = answerTo("Why is a queue a good place for an answer?").map(({ text }) => text);
  expect(texts((await run("bash", ["-c", here(ask!)])).stdout)).toEqual(expected);
  expect(texts((await run("bash", ["-c", here(resume!)])).stdout)).toEqual(expected.slice(3));
}, 30_000);

it("has an example in TypeScript that compiles and runs as written", async () => {
  // Below the app, so that the packages are found as a user's project would find them.
  await mkdir(join(app, "node_modules/.readme"), { recursive: true });
  const dir = await mkdtemp(join(app, "node_modules/.readme/"));
  const [example] = blocks("ts");
  await writeFile(join(dir, "example.ts"), example!);
  await writeFile(join(dir, "package.json"), '{ "type": "module" }');
  const options = [
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
  const { stdout } = await run(process.execPath, ["example.js"], { cwd: dir });
  expect(
    stdout
      .trim()
      .split("\n")
      .map((line) => line.split(" ").slice(1).join(" ")),
  ).toEqual(["You", "asked:", "Why?"]);
}, 30_000);

/** The texts of the token events in a raw event stream. */
function texts(stream: string): string[] {
  return [...stream.matchAll(/^event: token\nid: .*\ndata: (.*)$/gm)].map(
    ([, data]) => (JSON.parse(data!) as { text: string }).text,
  );
}
