import { session } from "@lazy/context";
import { openQueues } from "@lazy/fsqueue";

await using queues = await openQueues({ dir: "data" });
const reply = queues.queue<string>("reply");
const trace = queues.queue<{ step: string }>("trace");

await session.run({ id: "ada" }, async () => {
  await reply.enqueue("Hi");
  await trace.enqueue({ step: "llm" });
});

const ada = queues.session("ada");
const both = { reply: ada.queue<string>("reply"), trace: ada.queue<{ step: string }>("trace") };
for await (const message of queues.tail(both)) {
  if (message.queue === "reply") console.log(message.value.toUpperCase()); // prints HI
  else console.log(message.value.step); // prints llm
}
