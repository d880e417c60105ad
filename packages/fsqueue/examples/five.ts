import { session } from "@lazy/context";
import { openQueues } from "@lazy/fsqueue";

await using queues = await openQueues({ dir: "data" });
const queue = queues.queue<string>("jobs");

await session.run(async () => {
  await queue.enqueue("a");
  await queue.enqueueMany(["b", "c"]);
  console.log(await queue.size()); // prints 3
  console.log((await queue.peek())?.value); // prints a
  const [first] = await queue.dequeue(1); // without a limit: all there are, at most 1,000
  console.log(first?.value); // prints a
  console.log(await queue.clear()); // prints 2
});
