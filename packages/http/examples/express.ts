import type { Store } from "@lazy/fsqueue";
import { createHandler, toNodeListener } from "@lazy/http";
import express, { type Express } from "express";

export function createApp(store: Store): Express {
  const app = express();
  // Before express.json() and its like: the bodies of queues must arrive as they were sent.
  app.use("/v1/stream", toNodeListener(createHandler({ queues: store })));
  app.use(express.json());
  app.get("/", (_request, response) => void response.send("The rest of the app."));
  return app;
}
