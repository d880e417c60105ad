import { openQueues } from "@lazy/fsqueue";
import { createHandler, openServer } from "@lazy/http";
import { openRedisStore } from "@lazy/redis";

const queues = await openQueues({ store: await openRedisStore(process.env["REDIS_URL"]) });
const server = await openServer(createHandler({ queues }), { port: 0 });

// Any number of such processes, behind any balancer: a reader resumes at whichever it finds.
const url = `${server.url}/v1/stream/ada/reply`;
const headers = { "content-type": "text/plain" };
await fetch(url, { method: "PUT", headers, body: "Good morning" });
console.log(await (await fetch(url)).text()); // prints Good morning

await server.close();
await queues.close();
