import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { checkEndpoint } from "./fixtures/endpoint-check.ts";
import { hasProgram } from "./fixtures/service.ts";
import { serve } from "./fixtures/serving.ts";

const recipe = new URL("../examples/nginx.conf", import.meta.url);

test.skipIf(!hasProgram("nginx", "-v", "apt-get install nginx"))(
  "events pass through nginx at once, with its buffering as it is by default",
  async () => {
    const { server, store } = await serve();

    const url = await startNginx(server.port);

    await checkEndpoint(url, store);
    expect((await fetch(url)).headers.get("server")).toContain("nginx");
  },
);

async function startNginx(upstream: number): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "lazy-nginx-"));
  const port = await freePort();
  const location = await readFile(recipe, "utf8");
  const paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
    (kind) => `${kind}_temp_path ${folder}/${kind};`,
  );
  const config = `daemon off; pid ${folder}/pid; error_log ${folder}/error.log;
    events {}
    http { access_log off; ${paths.join(" ")}
      server { listen 127.0.0.1:${port}; ${location.replace("4437", String(upstream))} } }`;
  await writeFile(join(folder, "nginx.conf"), config);
  const nginx = spawn("nginx", ["-p", folder, "-c", "nginx.conf"], { stdio: "ignore" });
  onTestFinished(async () => {
    nginx.kill();
    await once(nginx, "exit");
    await rm(folder, { recursive: true });
  });
  const url = `http://127.0.0.1:${port}`;
  while (nginx.exitCode === null && !(await answers(url)));
  return url;
}

async function answers(url: string): Promise<boolean> {
  return fetch(url).then(
    () => true,
    () => false,
  );
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
