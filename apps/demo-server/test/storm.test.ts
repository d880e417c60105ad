import { execFile } from "node:child_process";
import { expect, it } from "vitest";
import { promptsFromDocumentation } from "../src/storm/prompts.ts";

const storm = new URL("../dist/storm.js", import.meta.url).pathname;

function run(...options: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [storm, ...options], (error, stdout, stderr) => {
      resolve({ code: error ? Number(error.code) : 0, stdout, stderr });
    });
  });
}

it("finds nothing foreign, missing or duplicated in isolated sessions", async () => {
  const { code, stdout } = await run("--sessions", "40", "--tokens-per-second", "200", "--json");
  const result = JSON.parse(stdout) as Record<string, number>;
  expect(result).toMatchObject({ foreign: 0, missing: 0, duplicated: 0, disordered: 0, failed: 0 });
  expect(result["received"]).toBe(result["expected"]);
  expect(code).toBe(0);
});

it("finds foreign and missing tokens, and exits 1, when all answers share one session", async () => {
  const options = ["--sessions", "40", "--mode", "shared", "--tokens-per-second", "200", "--json"];
  const { code, stdout } = await run(...options);
  const result = JSON.parse(stdout) as Record<string, number>;
  expect(result["foreign"]).toBeGreaterThan(0);
  expect(result["missing"]).toBeGreaterThan(0);
  expect(code).toBe(1);
});

it("says what is wrong with its options and exits 2", async () => {
  const { code, stderr } = await run("--mode", "mixed");
  expect(stderr).toContain("--mode must be isolated or shared, not mixed");
  expect(code).toBe(2);
});

it("exits 1 when the server it is aimed at does not answer", async () => {
  const { code, stdout } = await run("--sessions", "2", "--url", "http://127.0.0.1:9", "--json");
  expect(JSON.parse(stdout)).toMatchObject({ failed: 2, received: 0 });
  expect(code).toBe(1);
});

it("takes as many prompts as asked from the documentation, no two alike", async () => {
  const prompts = await promptsFromDocumentation(1_000);
  expect(new Set(prompts).size).toBe(1_000);
});
