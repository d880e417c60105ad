import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { createAdaptorServer } from "@hono/node-server";
import { createMemoryStore } from "@lazy/fsqueue";
import { describe, expect, onTestFinished, test } from "vitest";
import { createApp as createExpressApp } from "../examples/express.ts";
import { createApp as createFastifyApp } from "../examples/fastify.ts";
import { createApp as createHonoApp } from "../examples/hono.ts";
import { checkEndpoint } from "./fixtures/endpoint-check.ts";

async function listening(server: Server): Promise<string> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe("queues beside the routes of", () => {
  test("Hono", async () => {
    const store = createMemoryStore();
    const server = createAdaptorServer({ fetch: createHonoApp(store).fetch }) as Server;
    const url = await listening(server);

    await checkEndpoint(url, store);
    expect(await (await fetch(url)).text()).toBe("The rest of the app.");
  });

  test("Express", async () => {
    const store = createMemoryStore();
    const url = await listening(createServer(createExpressApp(store)));

    await checkEndpoint(url, store);
    expect(await (await fetch(url)).text()).toBe("The rest of the app.");
  });

  test("Fastify", async () => {
    const store = createMemoryStore();
    const app = createFastifyApp(store);
    onTestFinished(() => app.close());
    const url = await app.listen({ port: 0, host: "127.0.0.1" });

    await checkEndpoint(url, store);
    expect(await (await fetch(url)).text()).toBe("The rest of the app.");
  });
});
