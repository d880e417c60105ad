import { type OpenDatabase, loadBetterSqlite3 } from "./better-sqlite3.ts";
import { hasRedis } from "./redis-server.ts";

export interface RivalOptions {
  readonly smoke: boolean;
  readonly leaveOut: (this: void, name: string, why: string) => void;
}

/** Contenders that need it, or none and the reason. */
export async function withSqlite<T>(
  { smoke, leaveOut }: RivalOptions,
  name: string,
  create: (Database: OpenDatabase) => T,
): Promise<T[]> {
  try {
    return [create(await loadBetterSqlite3({ smoke }))];
  } catch (error) {
    leaveOut(name, (error as Error).message.split("\n")[0]!);
    return [];
  }
}

export async function withRedis<T>(
  { leaveOut }: RivalOptions,
  name: string,
  create: () => T,
): Promise<T[]> {
  if (await hasRedis()) return [create()];
  leaveOut(name, "there is no redis-server on this machine");
  return [];
}
