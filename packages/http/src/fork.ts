import { isQueueError, type Offset, type QueueInfo } from "@lazy/fsqueue";
import { framingOf, mediaType, storedContentType } from "./content-type.ts";
import type { Core } from "./core.ts";
import type { Exchange } from "./exchange.ts";
import { fault, Fault } from "./fault.ts";
import type { Lifetime } from "./lifetime.ts";
import { gone, requireQueue } from "./lookup.ts";
import { queueNameOf } from "./queue-name.ts";
import { positionOf } from "./read-position.ts";

/** The fork headers of a PUT. */
export interface ForkRequest {
  /** The name of the origin. */
  readonly from: string;
  /** As given; undefined: the origin's present end. */
  readonly offset: string | undefined;
  readonly subOffset: number;
  /** Kept with the fork, so that a repeated PUT is recognised as the same. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** Where a fork begins, once the origin was looked at. */
export interface ForkOrigin {
  readonly from: string;
  readonly at: Offset;
  readonly contentType: string;
  /** Lifetime for a fork that asks for none. */
  readonly lifetime: Lifetime;
  /** The part of one message that the sub-offset adds. */
  readonly messages: readonly Uint8Array[];
}

/** Reads `Stream-Forked-From` and what goes with it. Throws a 400. */
export function readForkRequest(core: Core, exchange: Exchange): ForkRequest | undefined {
  const path = exchange.header("stream-forked-from");
  const offset = exchange.header("stream-fork-offset");
  const subOffset = exchange.header("stream-fork-sub-offset");
  if (path === undefined) {
    if (offset === undefined && subOffset === undefined) return undefined;
    throw invalid("Stream-Fork-Offset and Stream-Fork-Sub-Offset need Stream-Forked-From");
  }
  const from = queueNameOf(path, core.base, core.limits.nameBytes);
  if (from === undefined) throw invalid(`Stream-Forked-From is a path under ${core.base}`);
  if (subOffset !== undefined && !/^(?:0|[1-9]\d{0,14})$/.test(subOffset)) {
    throw invalid("Stream-Fork-Sub-Offset is a whole number from 0 without leading zeros");
  }
  const sub = Number(subOffset ?? 0);
  return {
    from,
    offset,
    subOffset: sub,
    metadata: {
      "fork-from": from,
      ...(offset === undefined ? {} : { "fork-offset": offset }),
      ...(sub === 0 ? {} : { "fork-sub-offset": String(sub) }),
    },
  };
}

/** Looks at the origin. Throws 404 or 409 if it is gone, 409 for another content type, 400 for the offsets. */
export async function resolveFork(
  core: Core,
  request: ForkRequest,
  contentType: string | undefined,
): Promise<ForkOrigin> {
  const origin = await requireOrigin(core, request.from);
  const type = storedContentType(origin.metadata, core.contentType);
  if (contentType !== undefined && mediaType(contentType) !== mediaType(type)) {
    throw fault(409, "CONTENT_TYPE_DIFFERS", `The origin's Content-Type is ${type}.`);
  }
  const at = await anchorOf(core, origin, request.offset);
  const refined =
    request.subOffset === 0
      ? { at, messages: [] }
      : await refine(core, origin, at, request.subOffset);
  return { from: request.from, contentType: type, lifetime: lifetimeOf(origin), ...refined };
}

async function requireOrigin(core: Core, name: string): Promise<QueueInfo> {
  try {
    return await requireQueue(core.store, name);
  } catch (error) {
    if (!(error instanceof Fault) || error.status !== gone().status) throw error;
    throw new Fault(409, error.code, "The origin was removed.");
  }
}

async function anchorOf(
  core: Core,
  origin: QueueInfo,
  offset: string | undefined,
): Promise<Offset> {
  if (offset === undefined) return origin.tail;
  const position = positionOf(offset);
  if (position === "start") return origin.head;
  if (position === "now") return origin.tail;
  try {
    await core.store.read(origin.name, position, { max: 1, maxBytes: 1 });
  } catch (error) {
    if (!isQueueError(error, "OFFSET_INVALID")) throw error;
    throw invalid("Stream-Fork-Offset is no offset of the origin");
  }
  return position;
}

/** Past the anchor: so many messages of JSON, or so many bytes of the next message of anything else. */
async function refine(
  core: Core,
  origin: QueueInfo,
  at: Offset,
  subOffset: number,
): Promise<{ at: Offset; messages: Uint8Array[] }> {
  if (framingOf(storedContentType(origin.metadata, core.contentType)) === "json") {
    return { at: await afterMessages(core, origin.name, at, subOffset), messages: [] };
  }
  const { messages } = await core.store.read(origin.name, at, { max: 1 });
  const [next] = messages;
  if (next === undefined || subOffset > next.data.byteLength) throw overshot();
  return { at, messages: [next.data.subarray(0, subOffset)] };
}

async function afterMessages(core: Core, name: string, at: Offset, count: number): Promise<Offset> {
  let position = at;
  for (let left = count; left > 0;) {
    const { messages, next } = await core.store.read(name, position, { max: Math.min(left, 1000) });
    if (messages.length === 0) throw overshot();
    left -= messages.length;
    position = next;
  }
  return position;
}

function lifetimeOf(origin: QueueInfo): Lifetime {
  if (origin.ttlMs !== undefined) return { ttlMs: origin.ttlMs };
  return origin.expiresAt === undefined ? {} : { expiresAt: origin.expiresAt };
}

function overshot(): Fault {
  return invalid("Stream-Fork-Sub-Offset reaches past the next message of the origin");
}

function invalid(what: string): Fault {
  return fault(400, "FORK_INVALID", `${what}.`);
}
