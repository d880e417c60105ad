import { readFile } from "node:fs/promises";
import type { FastifyInstance } from "fastify";

const files = {
  "/": { file: "page.html", type: "text/html; charset=utf-8" },
  "/page.css": { file: "page.css", type: "text/css; charset=utf-8" },
  "/page.js": { file: "page.js", type: "text/javascript; charset=utf-8" },
};

/** Serve the page of conversations; its files are read once, when the server starts. */
export async function servePage(server: FastifyInstance): Promise<void> {
  for (const [path, { file, type }] of Object.entries(files)) {
    const content = await readFile(new URL(`../public/${file}`, import.meta.url));
    server.get(path, (_request, reply) =>
      reply.type(type).header("cache-control", "no-cache").send(content),
    );
  }
}
