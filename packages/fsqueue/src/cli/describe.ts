import type { QueueInfo, Store } from "../store.ts";
import { type Command, reading, requireQueue, stateText } from "./command.ts";
import { sizeText, table, timeText } from "./table.ts";

/** `lazy-queue info DIR [QUEUE]` */
export function describe(command: Command): Promise<number> {
  return reading(command, async (store) => {
    const { name } = command;
    const facts =
      name === undefined ? await ofStore(store) : await ofQueue(store, name, command.json);
    if (command.json) command.print(`${JSON.stringify(facts, undefined, 2)}\n`);
    else {
      const rows = Object.entries(facts).map(([fact, value]) => [fact, String(value)]);
      command.print(table([{ title: "" }, { title: "" }], rows, "").replace(/^\s*\n/, ""));
    }
    return 0;
  });
}

async function ofStore(store: Store): Promise<Record<string, unknown>> {
  const { queues, messages, bytes, diskBytes } = await store.stats();
  return { queues, messages, bytes, diskBytes };
}

async function ofQueue(store: Store, name: string, json: boolean): Promise<object> {
  const info = await requireQueue(store, name);
  return json ? info : factsOf(info);
}

function factsOf(info: QueueInfo): Record<string, unknown> {
  const { ending, fork } = info;
  const why = [ending?.name, ending?.message].filter((part) => part !== undefined).join(": ");
  return {
    queue: info.name,
    state: why === "" ? stateText(info) : `${stateText(info)} (${why})`,
    messages: info.messages,
    size: sizeText(info.bytes),
    head: info.head,
    tail: info.tail,
    created: timeText(info.createdAt),
    ...(info.ttlMs !== undefined && { ttl: `${info.ttlMs} ms after the last use` }),
    ...(info.expiresAt !== undefined && { expires: timeText(info.expiresAt) }),
    ...(info.maxMessages !== undefined && { maxMessages: info.maxMessages }),
    ...(info.maxBytes !== undefined && { maxBytes: sizeText(info.maxBytes) }),
    ...(fork !== undefined && { fork: `of ${fork.from} at ${fork.at}` }),
    owned: info.owned ? "yes: ends with its writer" : "no",
    ...Object.fromEntries(
      Object.entries(info.metadata).map(([key, value]) => [`metadata ${key}`, value]),
    ),
    id: info.id,
  };
}
