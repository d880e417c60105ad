import { session } from "@lazy/context";
import { openQueues } from "@lazy/fsqueue";
import { openRedisStore } from "@lazy/redis";

const open = async () => openQueues({ store: await openRedisStore(process.env["REDIS_URL"]) });
await using here = await open(); // on one machine
await using there = await open(); // on another

const reply = here.queue<string>("reply");
await session.run({ id: "ada" }, () => reply.enqueueMany(["Good", "morning"]));

for await (const message of there.session("ada").queue<string>("reply").tail()) {
  console.log(message.value); // prints Good, morning; ends because ada's session has ended
}
