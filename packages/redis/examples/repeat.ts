import { isQueueError } from "@lazy/fsqueue";
import { openRedisStore } from "@lazy/redis";

await using store = await openRedisStore(process.env["REDIS_URL"]);
await store.open("rows");

/** Appends once, whatever happens to the connection: the producer's sequence is recognised. */
async function append(text: string, sequence: number): Promise<string> {
  const producer = { id: "import-7", epoch: 0, sequence };
  for (;;) {
    try {
      return (await store.append("rows", [Buffer.from(text)], { producer })).offset;
    } catch (error) {
      if (!isQueueError(error, "OUTCOME_UNKNOWN")) throw error;
    }
  }
}

console.log(await append("a", 0)); // prints 0000000000000001
console.log(await append("b", 1)); // prints 0000000000000002
