import { openQueues } from "@lazy/fsqueue";

await using queues = await openQueues({ dir: "data" });
const orders = queues.session("shop").queue<number>("orders");
await orders.enqueueMany([1, 2, 3]);
await orders.seal();

// A reader whose place outlives it.
const audit = orders.consumer("audit");
for await (const message of audit) {
  await audit.commit(); // durable; the next consumer("audit") begins after this message
  if (message.value === 2) break;
}
console.log((await orders.consumer("audit").read()).map(({ value }) => value)); // prints [ 3 ]

// Several who share the work: who does not acknowledge in time loses the message to another.
const worker = orders.consumer("workers", { visibilityMs: 30_000, maxDeliveries: 5 });
for await (const message of worker) {
  console.log(message.value, message.deliveries); // prints 1 1, 2 1, 3 1
  await message.acknowledge();
}
