import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { emptyFolder } from "./fixtures/lazy-serve.ts";
import { hasProgram } from "./fixtures/service.ts";
import { serve } from "./fixtures/serving.ts";

const folder = new URL("..", import.meta.url);
const text = (path: string) => readFile(new URL(path, folder), "utf8");

async function blocks(language: string): Promise<string[]> {
  const found = (await text("README.md")).matchAll(
    new RegExp(`\`\`\`${language}\n(.*?)\`\`\``, "gs"),
  );
  return [...found].map(([, block = ""]) => block);
}

function unindented(source: string): string {
  return source.replaceAll(/^\s+/gm, "");
}

describe("the README", () => {
  test("shows the examples as they are in their files", async () => {
    const [server = "", ...recipes] = await blocks("ts");
    expect(server).toBe(`// examples/server.ts\n${await text("examples/server.ts")}`);

    const examples = await Promise.all(
      ["hono", "express", "fastify"].map((name) => text(`examples/${name}.ts`)),
    );
    const sources = examples.map(unindented);
    expect(recipes.length).toBe(3);
    for (const [index, recipe] of recipes.entries()) {
      expect(sources[index]).toContain(unindented(recipe));
    }
    const [nginx = ""] = await blocks("nginx");
    expect(await text("examples/nginx.conf")).toContain(nginx);
  });

  test("begins with a server that serves", async () => {
    const said = vi.spyOn(console, "log").mockImplementation(() => {});
    onTestFinished(() => said.mockRestore());
    process.env.PORT = "0";
    process.env.QUEUES = await emptyFolder();

    await import("../examples/server.ts");
    const [[line = ""] = []] = said.mock.calls as string[][];
    const url = line.replace("<session>/<queue>", "42/reply");
    const headers = { authorization: "Bearer secret", "content-type": "text/plain" };
    expect((await fetch(url, { method: "PUT", headers, body: "hello" })).status).toBe(201);
    expect(await (await fetch(url, { headers })).text()).toBe("hello");
    expect((await fetch(url)).status).toBe(404);

    process.emit("SIGTERM");
    await expect.poll(() => fetch(url).catch(() => "closed")).toBe("closed");
  });

  test.skipIf(!hasProgram("curl", "--version", "apt-get install curl"))(
    "has commands that do what they say",
    async () => {
      const { server } = await serve();
      const script = (await blocks("sh")).find((block) => block.includes("curl")) ?? "";
      const [create = "", append = "", read = "", follow = "", close = ""] = script
        .replaceAll("localhost:4437", `127.0.0.1:${server.port}`)
        .split("\n");

      await run(create);
      await run(append);
      expect(await run(read)).toBe('[{"delta":"Hi"},{"delta":"!"}]');
      const followed = run(follow);
      await run(append);
      await run(close);
      expect(await followed).toContain('"streamClosed":true');
    },
  );

  test("has a line for every code", async () => {
    const readme = await text("README.md");
    const sources = [
      await text("src/fault.ts"),
      await text("src/failure.ts"),
      await text("src/serve-error.ts"),
    ];
    const codes = sources.flatMap((source) => source.match(/\b[A-Z]+(?:_[A-Z]+)+\b/g) ?? []);
    expect(codes.length).toBeGreaterThan(30);
    for (const code of codes) expect(readme).toContain(`\`${code}\``);
  });
});

async function run(command: string): Promise<string> {
  const child = spawn("sh", ["-c", command.replace(/^curl/, "curl -s")]);
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (piece: string) => (output += piece));
  await once(child, "close");
  return output;
}
