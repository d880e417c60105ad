import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { defineGlobals } from "@lazy/context";
import { sessionMiddleware } from "@lazy/context/express";
import express from "express";

const user = defineGlobals({ name: "nobody" });

const app = express();
app.use(sessionMiddleware());
app.use((request, _response, next) => {
  user.name = request.query["name"] as string;
  next();
});
app.get("/", (_request, response) => {
  response.send(`hello ${user.name}`);
});

const server = app.listen(0);
await once(server, "listening");
const url = `http://localhost:${(server.address() as AddressInfo).port}`;
console.log(await (await fetch(`${url}/?name=ada`)).text()); // prints hello ada
server.close();
