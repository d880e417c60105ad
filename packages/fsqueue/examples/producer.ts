import { openQueues } from "@lazy/fsqueue";

await using queues = await openQueues({ dir: "data" });
const queue = queues.session("import").queue<string>("rows");

// A job that may die and be run again from its start: what is there already is not appended twice.
async function job(rows: string[]) {
  const producer = queue.producer("csv-2024-05");
  for (const row of rows) await producer.enqueue(row);
}
await job(["a", "b"]);
await job(["a", "b", "c"]);
console.log(await queue.size()); // prints 3
