import { defineGlobals } from "@lazy/context";
import { sessionMiddleware } from "@lazy/context/hono";
import { Hono } from "hono";
import { streamText } from "hono/streaming";

const user = defineGlobals({ name: "nobody" });

const app = new Hono();
app.use(sessionMiddleware());
app.get("/", (context) => {
  user.name = context.req.query("name")!;
  return streamText(context, async (stream) => {
    await stream.write("hello ");
    await stream.sleep(1);
    await stream.write(user.name); // the handler has returned long ago, the session is still there
  });
});

const response = await app.request("/?name=ada");
console.log(await response.text()); // prints hello ada
