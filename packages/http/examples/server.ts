import { openQueues } from "@lazy/fsqueue";
import { createHandler, openServer } from "@lazy/http";

const queues = await openQueues({ dir: process.env["QUEUES"] ?? "data" });
const handler = createHandler({
  queues,
  authorize: (request) => request.headers.get("authorization") === "Bearer secret",
});
const server = await openServer(handler, { port: Number(process.env["PORT"] ?? 4437) });
console.log(`${server.url}/v1/stream/<session>/<queue>`);

process.once("SIGTERM", () => void server.close().then(() => queues.close()));
