import { runConformanceTests } from "@durable-streams/server-conformance-tests";
import { createMemoryStore } from "@lazy/fsqueue";
import { createHandler, openServer, type HttpServer } from "@lazy/http";
import { afterAll, beforeAll, describe } from "vitest";

describe("the Durable Streams conformance suite, on memory", () => {
  const target = { baseUrl: "", longPollTimeoutMs: 500, subscriptions: false };
  const store = createMemoryStore();
  let server: HttpServer;

  beforeAll(async () => {
    const handler = createHandler({
      queues: store,
      cors: { origins: "*" },
      live: { longPollMs: 500 },
    });
    server = await openServer(handler, { port: 0 });
    target.baseUrl = server.url;
  });

  afterAll(async () => {
    await server.close();
    await store.close();
  });

  runConformanceTests(target);
});
