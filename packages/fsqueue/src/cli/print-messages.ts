import { endingError } from "../ending.ts";
import type { Ending, Store, StoredMessage } from "../store.ts";
import { type Command, reading, requireQueue } from "./command.ts";
import { printable } from "./table.ts";
import { UsageError } from "./usage.ts";

/** `lazy-queue cat DIR QUEUE` */
export function printMessages(command: Command): Promise<number> {
  const name = nameOf(command);
  return reading(command, async (store) => {
    let left = command.limit ?? Infinity;
    for (let from = command.from ?? "start"; left > 0;) {
      const max = Math.min(left, 1000);
      const { messages, next, atEnd } = await store.read(name, from, { max });
      for (const message of messages) printMessage(command, message);
      if (atEnd || command.signal.aborted) break;
      left -= messages.length;
      from = next;
    }
    return 0;
  });
}

/** `lazy-queue tail DIR QUEUE [-f]` */
export function printTail(command: Command): Promise<number> {
  const name = nameOf(command);
  return reading(command, async (store) => {
    await requireQueue(store, name);
    const { messages, next, ending } = await lastMessages(store, name, command.limit ?? 10);
    for (const message of messages) printMessage(command, message);
    if (!command.follow) return 0;
    return follow(command, store, name, next, ending);
  });
}

async function follow(
  command: Command,
  store: Store,
  name: string,
  from: string,
  ended: Ending | undefined,
): Promise<number> {
  let ending = ended;
  for (let position = from; ending === undefined;) {
    try {
      await store.wait(name, position, command.signal);
    } catch (error) {
      if (command.signal.aborted) return 0;
      throw error;
    }
    const result = await store.read(name, position);
    for (const message of result.messages) printMessage(command, message);
    position = result.next;
    ending = result.ending;
  }
  if (ending.status !== "ok") throw endingError(name, ending);
  return 0;
}

/** The last `count` messages; reads through all of them, since offsets cannot be counted back. */
async function lastMessages(
  store: Store,
  name: string,
  count: number,
): Promise<{ messages: readonly StoredMessage[]; next: string; ending: Ending | undefined }> {
  let last: StoredMessage[] = [];
  for (let from = "start"; ;) {
    const { messages, next, atEnd, ending } = await store.read(name, from);
    last = count === 0 ? [] : [...last, ...messages].slice(-count);
    if (atEnd) return { messages: last, next, ending };
    from = next;
  }
}

function printMessage(command: Command, { offset, time, data }: StoredMessage): void {
  if (command.raw) command.print(data);
  else if (command.json) command.print(`${JSON.stringify({ offset, time, ...valueOf(data) })}\n`);
  else command.print(`${offset}  ${printable(Buffer.from(data).toString())}\n`);
}

/** JSON as what it says, other text as text, anything else as base64. */
function valueOf(data: Uint8Array): { value: unknown } | { text: string } | { base64: string } {
  const bytes = Buffer.from(data);
  const text = bytes.toString();
  try {
    return { value: JSON.parse(text) as unknown };
  } catch {
    return bytes.equals(Buffer.from(text)) ? { text } : { base64: bytes.toString("base64") };
  }
}

function nameOf({ name }: Command): string {
  if (name === undefined) throw new UsageError("Which queue? Give its name as ls prints it.");
  return name;
}
