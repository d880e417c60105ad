import type { Store } from "@lazy/fsqueue";
import { createHandler } from "@lazy/http";
import { Hono } from "hono";

export function createApp(store: Store): Hono {
  const handler = createHandler({ queues: store });
  const app = new Hono();
  app.get("/", (context) => context.text("The rest of the app."));
  app.all("/v1/stream/*", (context) => handler(context.req.raw));
  return app;
}
