import type { RedisClientType } from "@redis/client";

/** What a server promises of what it has acknowledged. */
export interface ServerPromises {
  /** It answers after its append-only file is on the disk: `appendonly yes`, `appendfsync always`. */
  readonly durable: boolean;
}

/**
 * Ask the server how it keeps its data. Where it does not say (a managed service without CONFIG) nothing is
 * promised.
 */
export async function promisesOf(client: RedisClientType): Promise<ServerPromises> {
  try {
    const { appendonly, appendfsync } = await client.configGet(["appendonly", "appendfsync"]);
    return { durable: appendonly === "yes" && appendfsync === "always" };
  } catch {
    return { durable: false };
  }
}
