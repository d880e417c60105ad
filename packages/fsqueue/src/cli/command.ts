import { openFileStore } from "../journal/file-store.ts";
import { queueNotFound } from "../store-errors.ts";
import type { QueueInfo, Store } from "../store.ts";

/** What a command was asked, and where it writes. */
export interface Command {
  readonly dir: string;
  /** The second argument: a queue's name or a prefix. */
  readonly name: string | undefined;
  readonly json: boolean;
  readonly raw: boolean;
  readonly follow: boolean;
  readonly from: string | undefined;
  readonly limit: number | undefined;
  readonly signal: AbortSignal;
  print(text: string | Uint8Array): void;
  /** For a progress bar; undefined when nobody would see it. */
  readonly progress: NodeJS.WriteStream | undefined;
}

/** Open the folder for reading; `FOLDER_UNSUITABLE` or `QUEUE_NOT_FOUND` as the store says. */
export async function reading<R>(command: Command, use: (store: Store) => Promise<R>): Promise<R> {
  const store = await openFileStore({ dir: command.dir, readonly: true });
  try {
    return await use(store);
  } finally {
    await store.close();
  }
}

/** What the store knows of a queue; `QUEUE_NOT_FOUND` if it is not there. */
export async function requireQueue(store: Store, name: string): Promise<QueueInfo> {
  const info = await store.info(name);
  if (info === undefined) throw queueNotFound(name);
  return info;
}

/** "open", "ok", "error FAR", "aborted WRITER_LOST". */
export function stateText({ ending }: QueueInfo): string {
  if (ending === undefined) return "open";
  return ending.code === undefined ? ending.status : `${ending.status} ${ending.code}`;
}
