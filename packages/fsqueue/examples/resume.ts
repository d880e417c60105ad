import { openQueues } from "@lazy/fsqueue";

await using queues = await openQueues({ dir: "data" });
const queue = queues.session("ada").queue<number>("numbers");
await queue.enqueueMany([1, 2, 3, 4]);

let offset: string | undefined; // what a client keeps; over HTTP it is the event's id
for await (const message of queue.tail()) {
  console.log(message.value); // prints 1, 2
  offset = message.offset;
  if (message.value === 2) break; // the connection is lost
}

await queue.seal();
for await (const message of queue.tail({ from: offset ?? "start" })) {
  console.log(message.value); // prints 3, 4: none lost, none twice
}
