import { openQueues } from "@lazy/fsqueue";

await using queues = await openQueues({ dir: "data" });
const chat = queues.session("ada").queue<string>("chat");
const { offset } = await chat.enqueue("question");
await chat.enqueue("an answer");

// Another answer to the same question, without copying what stands before it.
const again = await chat.fork("chat", { session: "ada, second try", at: offset });
await again.enqueue("a better answer");
console.log((await again.read()).messages.map(({ value }) => value)); // prints [ 'question', 'a better answer' ]
