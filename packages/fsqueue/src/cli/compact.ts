import { openFileStore } from "../journal/file-store.ts";
import type { Command } from "./command.ts";
import { withBar } from "./progress.ts";
import { sizeText } from "./table.ts";

/** `lazy-queue compact DIR`: `FOLDER_IN_USE` while a process writes. */
export async function compact(command: Command): Promise<number> {
  const store = await openFileStore({ dir: command.dir });
  try {
    const before = (await store.stats()).diskBytes;
    await withBar(command.progress, (onProgress) => store.compact(onProgress));
    const after = (await store.stats()).diskBytes;
    if (command.json) command.print(`${JSON.stringify({ before, after })}\n`);
    else command.print(`${sizeText(before)} before, ${sizeText(after)} after\n`);
    return 0;
  } finally {
    await store.close();
  }
}
