// A run that fails goes on after its last finished step. The log here is a list; a queue on files is one
// that survives a crash.
import { type CheckpointEntry, type CheckpointLog, flow } from "@lazy/flow";

const entries: CheckpointEntry[] = [];
const checkpoint: CheckpointLog = {
  enqueue: (entry) => entries.push(entry),
  read: async () => ({ messages: entries.map((value) => ({ value })), next: "", atEnd: true }),
};

let down = true;
const job = flow<string>("job")
  .step("fetch", async (url) => {
    console.log(`fetching ${url}`);
    return url.length;
  })
  .step("store", (size) => {
    if (down) throw new Error("the database is down");
    return `stored ${size}`;
  });

const options = { checkpoint, runId: "job 1" };
await job.run("a.txt", options).catch((error: unknown) => console.log(String(error)));
down = false;
console.log(await job.run("a.txt", options));

// Prints:
// fetching a.txt
// FlowError: job › store: the database is down
// stored 5
