import { once } from "node:events";
import { mkdtemp } from "node:fs/promises";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createAdaptorServer } from "@hono/node-server";
import { createMemoryStore, openFileStore } from "@lazy/fsqueue";
import { openServer, type Handler } from "@lazy/http";
import { describe } from "vitest";
import { conform, type Reachable } from "./fixtures/conformance.ts";
import { openByteProxy } from "./fixtures/byte-proxy.ts";

const full = process.env.LAZY_FULL === "1";
if (!full)
  console.warn("Skipped: three more runs of the conformance suite. LAZY_FULL=1 runs them.");

describe.skipIf(!full)("again", () => {
  conform(
    "in memory",
    async () => createMemoryStore(),
    (handler) => openServer(handler, { port: 0 }),
  );

  conform("in memory, through the Fetch handler", async () => createMemoryStore(), serveFetch);

  conform(
    "on files, synced, through a proxy that passes single bytes",
    async () =>
      openFileStore({ dir: await mkdtemp(join(tmpdir(), "lazy-http-")), durability: "synced" }),
    async (handler) => {
      const server = await openServer(handler, { port: 0 });
      const proxy = await openByteProxy(server.port);
      return {
        url: proxy.url,
        async close() {
          await proxy.close();
          await server.close();
        },
      };
    },
  );
});

async function serveFetch(handler: Handler): Promise<Reachable> {
  const server = createAdaptorServer({ fetch: handler }) as Server;
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      server.closeAllConnections();
      server.close();
      await handler.drain();
    },
  };
}
