import { openQueues } from "@lazy/fsqueue";

await using queues = await openQueues({ dir: "data" });
const frames = queues.session("cam").queue<number>("frames", {
  maxMessages: 2, // or maxBytes
  whenFull: "block", // "reject", the default: QUEUE_FULL
});

async function record() {
  for (let frame = 0; frame < 5; frame++) await frames.enqueue(frame); // waits for room
  await frames.seal();
}

const recording = record();
for (;;) {
  const taken = await frames.dequeue(1, { wait: true });
  if (taken.length === 0) break; // sealed and empty
  console.log(taken[0]?.value); // prints 0, 1, 2, 3, 4
}
await recording;
