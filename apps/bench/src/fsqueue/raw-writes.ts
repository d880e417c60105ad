import { open } from "node:fs/promises";
import type { Durability } from "./live-log.ts";
import { MESSAGE_BYTES, Reception, createMessage, numberMessage } from "./message.ts";

/**
 * The floor: one message of each stream in one write to one file, then one fdatasync, and so on. No
 * names, checksums, promises or readers; what was written is read back and checked afterwards. Returns
 * the milliseconds of writing.
 */
export async function writeRaw(
  dir: string,
  { streams, each, durability }: { streams: number; each: number; durability: Durability },
): Promise<number> {
  const file = await open(`${dir}/raw`, "wx+");
  try {
    const messages = Array.from({ length: streams }, (_, stream) => createMessage(stream));
    const round = Buffer.alloc(streams * MESSAGE_BYTES);
    const start = performance.now();
    for (let sequence = 0; sequence < each; sequence++) {
      let at = 0;
      for (const message of messages) {
        round.set(numberMessage(message, sequence), at);
        at += MESSAGE_BYTES;
      }
      await file.write(round);
      if (durability === "synced") await file.datasync();
    }
    const took = performance.now() - start;
    const receptions = messages.map((_, stream) => new Reception(stream, each));
    for (let sequence = 0; sequence < each; sequence++) {
      await file.read(round, 0, round.length, sequence * round.length);
      receptions.forEach((reception, stream) => {
        reception.take(round.subarray(stream * MESSAGE_BYTES, (stream + 1) * MESSAGE_BYTES));
      });
    }
    return took;
  } finally {
    await file.close();
  }
}
