import { session } from "@lazy/context";
import { openQueues } from "@lazy/fsqueue";

await using queues = await openQueues({ dir: "data" });
const reply = queues.queue<string>("reply");

async function* model() {
  yield* ["It ", "streams", "."];
}

await session.run({ id: "ada" }, async () => {
  for await (const token of model()) {
    // No promise for each token. False: much is unsent, let the disk catch up.
    if (!reply.tryEnqueue(token)) await reply.flush();
  }
});

const answer = await queues.session("ada").queue<string>("reply").read();
console.log(answer.messages.map((message) => message.value).join("")); // prints It streams.
console.log(answer.ending?.status); // prints ok
