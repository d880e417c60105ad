import { DurableStreamTestServer } from "@durable-streams/server";
import { openFileStore } from "@lazy/fsqueue";
import { createHandler, openServer } from "@lazy/http";

// A server in a process of its own: `serving.js lazy|reference FOLDER PORT`. Both acknowledge an append
// after its bytes were synced.
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
  const server = await openServer(createHandler({ queues: store }), { port: Number(port) });
  process.send!({ url: server.url });
}
process.on("disconnect", () => process.exit());
