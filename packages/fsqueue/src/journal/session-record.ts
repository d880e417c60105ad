import type { Batch } from "./batch.ts";
import type { Journal } from "./journal.ts";
import type { Lane } from "./lane.ts";
import { RECORD_HEADER, RecordType } from "./layout.ts";
import type { StartRecord } from "./replay.ts";

const encoder = new TextEncoder();

/**
 * Note in the log that this process writes it now, durably. If the one before did not close it and the
 * machine has been started anew since, messages that were acknowledged as written may be lost, and with
 * them the knowledge of which offsets were given: every queue is to leave a gap before its next message.
 */
export async function writeStart(journal: Journal, lane: Lane): Promise<void> {
  const boot = await journal.options.port.bootId();
  const lost = !journal.closedCleanly && (boot === "" || boot !== journal.boot);
  journal.boot = boot;
  const batch = layDownStart(lane, lost ? { boot, jump: true } : { boot });
  if (lost) for (const queue of journal.byNumber.values()) queue.oweJump(batch.segment.number);
  await lane.promise(batch, undefined, true);
}

/** Say it again, since the segment where it stands is to go. */
export function stageStart(journal: Journal, lane: Lane): void {
  layDownStart(lane, { boot: journal.boot });
  lane.kick();
}

function layDownStart(lane: Lane, record: StartRecord): Batch {
  const payload = encoder.encode(JSON.stringify(record));
  const batch = lane.begin(RECORD_HEADER + payload.length);
  lane.buffer.record(RecordType.start, 0, 0, payload);
  return batch;
}

/** Note that everything before was made durable in good order. */
export async function writeClose(lane: Lane): Promise<void> {
  const batch = lane.begin(RECORD_HEADER);
  lane.buffer.record(RecordType.close, 0, 0, undefined);
  await lane.promise(batch, undefined, true);
}
