import { DurableStreamTestServer } from "@durable-streams/server";
import { openFileStore } from "@lazy/fsqueue";
import { type Authorize, createHandler, openServer } from "@lazy/http";

/** Queues whose names begin with `r-` may be made and filled, and not read. */
const refuseReading: Authorize = (_request, { queue, operation }) =>
  operation !== "read" || !queue.startsWith("r-");

// A server in a process of its own: `serving.js lazy|guarded|reference FOLDER PORT`. All acknowledge an
// append after its bytes were synced.
const [, , kind, dir = "", port = "0"] = process.argv;

if (kind === "reference") {
  const server = new DurableStreamTestServer({
    port: Number(port),
    host: "127.0.0.1",
    dataDir: dir,
  });
  process.send!({ url: await server.start() });
} else {
  const store = await openFileStore({ dir, durability: "synced" });
  const rights = kind === "guarded" ? { authorize: refuseReading } : {};
  const handler = createHandler({ queues: store, ...rights });
  const server = await openServer(handler, { port: Number(port) });
  process.send!({ url: server.url });
}
process.on("disconnect", () => process.exit());
