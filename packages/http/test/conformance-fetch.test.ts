import { once } from "node:events";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { createAdaptorServer } from "@hono/node-server";
import { createMemoryStore } from "@lazy/fsqueue";
import type { Handler } from "@lazy/http";
import { again } from "./fixtures/again.ts";
import { conform, type Reachable } from "./fixtures/conformance.ts";

again(() => {
  conform("in memory, through the Fetch handler", async () => createMemoryStore(), serveFetch);
});

async function serveFetch(handler: Handler): Promise<Reachable> {
  const server = createAdaptorServer({ fetch: handler }) as Server;
  server.keepAliveTimeout = 65_000;
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
