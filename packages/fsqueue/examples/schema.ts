import { openQueues } from "@lazy/fsqueue";
import { z } from "zod"; // or valibot, arktype, …: any Standard Schema library

await using queues = await openQueues({ dir: "data" });
const schema = z.object({ delta: z.string(), index: z.number().default(0) });
const queue = queues.session("ada").queue("reply", { schema });

await queue.enqueue({ delta: "Hi" });
console.log((await queue.peek())?.value); // prints { delta: 'Hi', index: 0 }
