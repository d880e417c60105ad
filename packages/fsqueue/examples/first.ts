import { session } from "@lazy/context";
import { openQueues } from "@lazy/fsqueue";

await using queues = await openQueues({ dir: "data" });
const reply = queues.queue<string>("reply"); // of whichever session is current at each call

const answer = (id: string, words: string[]) =>
  session.run({ id }, async () => {
    for (const word of words) await reply.enqueue(word);
  });
await Promise.all([answer("ada", ["Good", "morning"]), answer("bob", ["Bonjour"])]);

for await (const message of queues.session("ada").queue<string>("reply").tail()) {
  console.log(message.value); // prints Good, morning; ends because ada's session has ended
}
