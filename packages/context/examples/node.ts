import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { session } from "@lazy/context";
import { withSession } from "@lazy/context/node";

const listener = withSession(
  (_request: IncomingMessage, response: ServerResponse) => {
    response.end(`hello from ${session.current().id}`);
  },
  { id: (request) => request.headers["x-request-id"]?.toString() },
);

const server = createServer(listener).listen(0);
await once(server, "listening");
const url = `http://localhost:${(server.address() as AddressInfo).port}`;
const response = await fetch(url, { headers: { "x-request-id": "r-7" } });
console.log(await response.text()); // prints hello from r-7
server.close();
