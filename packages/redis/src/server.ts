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
    const settings = ["appendonly", "appendfsync"].map((name) => settingOf(client, name));
    const [appendonly, appendfsync] = await Promise.all(settings);
    return { durable: appendonly === "yes" && appendfsync === "always" };
  } catch {
    return { durable: false };
  }
}

async function settingOf(client: RedisClientType, name: string): Promise<string | undefined> {
  // A map in RESP 3, a list in RESP 2.
  const reply = await client.sendCommand<unknown>(["CONFIG", "GET", name]);
  if (Array.isArray(reply)) return reply[1] as string;
  return reply instanceof Map
    ? (reply.get(name) as string)
    : (reply as Record<string, string>)[name];
}
