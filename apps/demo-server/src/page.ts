import { readFile } from "node:fs/promises";
import type { FastifyInstance } from "fastify";

const modules = [
  "conversations",
  "dom",
  "examples",
  "field",
  "figures",
  "follower",
  "page",
  "reception",
  "storm",
];
const files = [
  { path: "/", file: "page.html", type: "text/html; charset=utf-8" },
  { path: "/page.css", file: "page.css", type: "text/css; charset=utf-8" },
  ...modules.map((name) => ({
    path: `/${name}.js`,
    file: `${name}.js`,
    type: "text/javascript; charset=utf-8",
  })),
];

/** Nothing but what this server serves is loaded, and nobody else's page may frame it. */
const policy = "default-src 'self'; img-src data:; frame-ancestors 'none'";

/** Serve the page of conversations; its files are read once, when the server starts. */
export async function servePage(server: FastifyInstance): Promise<void> {
  for (const { path, file, type } of files) {
    const content = await readFile(new URL(`../public/${file}`, import.meta.url));
    server.get(path, (_request, reply) =>
      reply
        .type(type)
        .header("cache-control", "no-cache")
        .header("content-security-policy", policy)
        .header("x-content-type-options", "nosniff")
        .send(content),
    );
  }
}
