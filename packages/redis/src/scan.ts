import type { Connection } from "./connection.ts";
import type { Keys } from "./keys.ts";
import { listOf, textOf } from "./reply.ts";

/** How many keys the server looks at in one go. */
const stride = 1000;

/**
 * The names of all queues that start with this, sorted bytewise. Those that are there throughout are found,
 * as SCAN promises. It walks through all keys of the database; an index would have to be cleaned of queues
 * that expired while no process ran.
 */
export async function scanNames(
  connection: Connection,
  keys: Keys,
  prefix: string,
): Promise<string[]> {
  const names = new Set<string>();
  const pattern = keys.pattern(prefix);
  let cursor = "0";
  do {
    const reply = await connection.call(
      ["SCAN", cursor, "MATCH", pattern, "COUNT", String(stride)],
      { repeatable: true },
    );
    const [next, found] = listOf(reply);
    cursor = textOf(next);
    for (const key of listOf(found)) names.add(keys.nameOf(textOf(key)));
  } while (cursor !== "0");
  const sorted = Array.from(names, (name) => Buffer.from(name));
  return sorted.toSorted((a, b) => Buffer.compare(a, b)).map((name) => name.toString());
}
