import { isQueueError, type Ending, type OpenOptions, type QueueInfo } from "@lazy/fsqueue";
import type { Answer, AnswerHeaders } from "./answer.ts";
import { isClosing, splitBody } from "./append.ts";
import { checkContentType, mediaType, storedContentType } from "./content-type.ts";
import type { Core } from "./core.ts";
import type { Exchange } from "./exchange.ts";
import { fault, Fault } from "./fault.ts";
import { readForkRequest, resolveFork, type ForkRequest } from "./fork.ts";
import { readLifetime, sameLifetime, type Lifetime } from "./lifetime.ts";
import { pathOfQueue } from "./queue-name.ts";

const endedWell: Ending = { status: "ok" };

/** What a PUT asks for; an existing queue must match it in all. */
interface Creation {
  readonly name: string;
  /** Undefined for a fork that takes its origin's. */
  readonly contentType: string | undefined;
  readonly lifetime: Lifetime;
  readonly closed: boolean;
  readonly fork: ForkRequest | undefined;
  readonly body: Uint8Array;
}

/** PUT: create a queue, with first messages, sealed or as a fork if asked; or find the same one. */
export async function createQueue(
  core: Core,
  exchange: Exchange,
  name: string,
  mayRead: (queue: string) => Promise<void>,
): Promise<Answer> {
  const fork = readForkRequest(core, exchange);
  const contentType = exchange.header("content-type");
  const asked = {
    name,
    contentType:
      fork !== undefined && contentType === undefined ? undefined : checkContentType(contentType),
    lifetime: readLifetime(exchange),
    closed: isClosing(exchange),
    fork,
  };
  // Whoever may not read the origin must learn nothing of it, its existence included.
  if (fork !== undefined) await mayRead(fork.from);
  const creation: Creation = { ...asked, body: await exchange.readBody(core.limits.bodyBytes) };
  const existing = await core.store.info(name);
  if (existing !== undefined) return found(core, existing, creation);
  await checkRoom(core);
  return create(core, exchange, creation);
}

async function create(core: Core, exchange: Exchange, creation: Creation): Promise<Answer> {
  const options = await openOptions(core, creation);
  try {
    const { created, info } = await core.store.open(creation.name, options);
    if (!created) return found(core, info, creation);
    if (core.durable === true) await core.store.flush();
    const origin = core.publicOrigin ?? exchange.origin;
    const location = origin + pathOfQueue(creation.name, core.base);
    return { status: 201, headers: { location, ...createdHeaders(core, info) } };
  } catch (error) {
    if (isQueueError(error, "QUEUE_REMOVED")) throw new Fault(409, error.code, error.message);
    if (isQueueError(error, "QUEUE_EXISTS")) throw differs();
    throw error;
  }
}

async function openOptions(core: Core, creation: Creation): Promise<OpenOptions> {
  const { fork, body, closed } = creation;
  const origin = fork && (await resolveFork(core, fork, creation.contentType));
  const contentType = origin?.contentType ?? checkContentType(creation.contentType);
  const messages = [...(origin?.messages ?? []), ...splitBody(contentType, body)];
  return {
    metadata: { "content-type": contentType, ...fork?.metadata },
    ...(hasLifetime(creation.lifetime) ? creation.lifetime : origin?.lifetime),
    ...(origin === undefined ? {} : { fork: { from: origin.from, at: origin.at } }),
    ...(messages.length > 0 ? { messages } : {}),
    ...(closed ? { ending: endedWell } : {}),
  };
}

function found(core: Core, existing: QueueInfo, creation: Creation): Answer {
  if (!isSame(core, existing, creation)) throw differs();
  return { status: 200, headers: createdHeaders(core, existing) };
}

function isSame(core: Core, existing: QueueInfo, creation: Creation): boolean {
  const { contentType, lifetime, closed, fork } = creation;
  const inherits = fork !== undefined;
  if (contentType !== undefined || !inherits) {
    const type = storedContentType(existing.metadata, core.contentType);
    if (mediaType(type) !== mediaType(checkContentType(contentType))) return false;
  }
  if (hasLifetime(lifetime) || !inherits) {
    if (!sameLifetime(existing, lifetime)) return false;
  }
  if (closed !== (existing.ending !== undefined)) return false;
  const keys = ["fork-from", "fork-offset", "fork-sub-offset"];
  return keys.every((key) => existing.metadata[key] === fork?.metadata[key]);
}

function createdHeaders(core: Core, info: QueueInfo): AnswerHeaders {
  return {
    "content-type": storedContentType(info.metadata, core.contentType),
    "stream-next-offset": info.tail,
    ...(info.ending === undefined ? {} : { "stream-closed": "true" }),
  };
}

async function checkRoom(core: Core): Promise<void> {
  const most = core.limits.queues;
  if (most === Number.POSITIVE_INFINITY || (await core.store.stats()).queues < most) return;
  throw fault(429, "TOO_MANY_QUEUES", `There are ${most} queues already. Remove some.`, {
    "retry-after": "60",
  });
}

function hasLifetime(lifetime: Lifetime): boolean {
  return lifetime.ttlMs !== undefined || lifetime.expiresAt !== undefined;
}

function differs(): Fault {
  return fault(
    409,
    "CONFIGURATION_DIFFERS",
    "A queue of this name exists with another content type, lifetime, closure or origin.",
  );
}
