import type { Answer } from "./answer.ts";
import { storedContentType } from "./content-type.ts";
import type { Core } from "./core.ts";
import { lifetimeHeaders } from "./lifetime.ts";
import { requireQueue } from "./lookup.ts";
import { notFound } from "./fault.ts";
import { closedHeaders } from "./read-queue.ts";

/** HEAD: where the queue ends, how long it lives, whether it is sealed. Does not renew its TTL. */
export async function describeQueue(core: Core, name: string): Promise<Answer> {
  const info = await requireQueue(core.store, name);
  return {
    status: 200,
    headers: {
      "content-type": storedContentType(info.metadata, core.contentType),
      "cache-control": "no-store",
      "stream-next-offset": info.tail,
      ...lifetimeHeaders(info),
      ...(info.ending === undefined ? {} : closedHeaders(info.ending)),
    },
  };
}

/** DELETE: 204, 404, or 410 for one that was removed before and lives on in its forks. */
export async function removeQueue(core: Core, name: string): Promise<Answer> {
  if (await core.store.remove(name)) return { status: 204, headers: {} };
  // Nothing was removed: throw what it is, missing or already gone. One made anew meanwhile is no 204.
  await requireQueue(core.store, name);
  throw notFound();
}
