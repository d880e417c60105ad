import type { Store } from "@lazy/fsqueue";
import { createHandler, toNodeListener } from "@lazy/http";
import type { FastifyInstance } from "fastify";

/**
 * The same queues for clients of the Durable Streams protocol and for a browser's `EventSource`, to be read
 * at `/v1/stream/<answer id>/reply`. Only the server writes them.
 */
export function serveStreams(server: FastifyInstance, store: Store): void {
  const handler = createHandler({
    queues: store,
    contentType: "application/json",
    authorize: (_request, { operation, queue }) => operation === "read" && queue.endsWith("/reply"),
  });
  const listener = toNodeListener(handler);
  server.addHook("preClose", () => handler.drain());
  server.route({
    method: ["GET", "HEAD"],
    url: "/v1/stream/*",
    handler: (request, reply) => {
      reply.hijack();
      listener(request.raw, reply.raw);
    },
  });
}
