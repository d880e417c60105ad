import { defineGlobals } from "@lazy/context";
import { sessionPlugin } from "@lazy/context/fastify";
import fastify from "fastify";

const user = defineGlobals({ name: "nobody" });

const app = fastify();
await app.register(sessionPlugin);
app.addHook("preHandler", async (request) => {
  user.name = (request.query as { name: string }).name;
});
app.get("/", async () => `hello ${user.name}`);

const response = await fetch(`${await app.listen({ port: 0 })}/?name=ada`);
console.log(await response.text()); // prints hello ada
await app.close();
