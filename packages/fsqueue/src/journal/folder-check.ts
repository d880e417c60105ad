import { QueueError, isQueueError } from "../errors.ts";
import { isFullDisk, storeFailed, storeFull, systemCode } from "./failure.ts";
import type { FilePort } from "./port.ts";

/** File systems whose fsync, rename or locking does not mean what it means on a disk of one's own. */
const NETWORK_FILE_SYSTEMS: ReadonlyMap<number, string> = new Map([
  [0x6969, "NFS"],
  [0x517b, "SMB"],
  [0xff534d42, "CIFS"],
  [0xfe534d42, "SMB 2"],
  [0x5346414f, "AFS"],
  [0x73757245, "Coda"],
  [0x00c36400, "Ceph"],
]);

/** Rejects with `FOLDER_UNSUITABLE` for a folder on the network. */
export async function checkFolder(port: FilePort, dir: string): Promise<void> {
  const type = await port.folderType(dir);
  const name = NETWORK_FILE_SYSTEMS.get(type >>> 0);
  if (name === undefined) return;
  throw new QueueError(
    "FOLDER_UNSUITABLE",
    `${dir} is on ${name}, where a sync is no promise and two machines may write at once. Use a local disk`,
    { details: { dir, fileSystem: name } },
  );
}

/** What the system refused while a folder was opened, as an error with a code of this package. */
export function refusedOpening(dir: string, cause: unknown): unknown {
  const code = isQueueError(cause) ? undefined : systemCode(cause);
  if (code === undefined) return cause;
  if (!["EACCES", "EPERM", "EROFS", "ENOTDIR", "ENOENT"].includes(code)) {
    return isFullDisk(cause) ? storeFull(cause) : storeFailed(cause);
  }
  return new QueueError(
    "FOLDER_UNSUITABLE",
    `${dir} cannot be used: ${(cause as Error).message}. Choose a folder that this user may write, or open with \`readonly\``,
    { cause, details: { dir, system: code } },
  );
}
