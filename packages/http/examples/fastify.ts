import type { Store } from "@lazy/fsqueue";
import { createHandler, toNodeListener } from "@lazy/http";
import { fastify, type FastifyInstance } from "fastify";

export function createApp(store: Store): FastifyInstance {
  const listener = toNodeListener(createHandler({ queues: store }));
  const app = fastify();
  app.get("/", () => "The rest of the app.");
  void app.register(async (queues) => {
    // In this scope bodies must arrive as they were sent.
    queues.removeAllContentTypeParsers();
    queues.addContentTypeParser("*", (_request, _payload, done) => done(null));
    queues.all("/v1/stream/*", (request, reply) => {
      reply.hijack();
      listener(request.raw, reply.raw);
    });
  });
  return app;
}
