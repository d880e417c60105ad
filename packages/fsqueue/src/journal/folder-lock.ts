import { randomBytes } from "node:crypto";
import * as fs from "node:fs/promises";
import { createConnection, createServer, type Server } from "node:net";
import { join } from "node:path";
import { QueueError } from "../errors.ts";
import { systemCode } from "./failure.ts";

/** Who holds a folder; the content of its LOCK file. */
interface Owner {
  readonly pid: number;
  /** When the process started, in clock ticks since the machine did: tells two with one pid apart. */
  readonly started: string;
  /** Which start of the machine, and which pid namespace, the pid belongs to. */
  readonly boot: string;
  readonly namespace: string;
}

/** Longest path of a unix socket that every platform takes. */
const LONGEST_SOCKET_PATH = 100;

/**
 * Take the folder for this process, or reject with `FOLDER_IN_USE`. The kernel gives it back when the
 * process dies, however it dies:
 *
 * - On Linux the writer listens on an abstract socket named by the folder's device and inode. That is the
 *   lock among processes of one network namespace: taken in one step, gone with the process.
 * - A LOCK file names the writer, for other platforms and for messages. It counts only while that very
 *   process lives.
 * - A socket in the folder answers for a writer in another container, whose pid says nothing here.
 */
export async function lockFolder(dir: string, boot: string): Promise<() => Promise<void>> {
  const path = join(dir, "LOCK");
  const socket = join(dir, "writer.sock");
  const abstract = await listenAbstract(dir, path);
  let held: Server | undefined;
  try {
    const self = await describeSelf(boot);
    const owner = await readOwner(path);
    if (owner !== undefined && (await isAlive(owner, self, socket))) throw inUse(dir, owner);
    await replaceFile(path, JSON.stringify(self));
    await fs.rm(socket, { force: true });
    held = socket.length <= LONGEST_SOCKET_PATH ? await tryListen(socket) : undefined;
  } catch (error) {
    await closeServer(abstract);
    throw error;
  }
  return async () => {
    await closeServer(held);
    await fs.rm(socket, { force: true });
    await fs.rm(path, { force: true });
    await closeServer(abstract);
  };
}

async function listenAbstract(dir: string, lock: string): Promise<Server | undefined> {
  if (process.platform !== "linux") return undefined;
  const { dev, ino } = await fs.stat(dir, { bigint: true });
  try {
    return await listen(`\0lazy-fsqueue:${dev}:${ino}`);
  } catch (error) {
    if (systemCode(error) === "EADDRINUSE") throw inUse(dir, await readOwner(lock));
    return undefined; // a runtime without abstract sockets: the LOCK file decides alone
  }
}

function listen(path: string): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer((connection) => connection.destroy());
    server.once("error", reject);
    // `exclusive`: a worker of a cluster must not share its parent's socket.
    server.listen({ path, exclusive: true }, () => {
      server.unref();
      resolve(server);
    });
  });
}

async function tryListen(path: string): Promise<Server | undefined> {
  try {
    return await listen(path);
  } catch {
    return undefined; // file systems without sockets: only containers that share the folder miss it
  }
}

async function closeServer(server: Server | undefined): Promise<void> {
  if (server === undefined) return;
  await new Promise((resolve) => {
    server.close(resolve);
  });
}

async function describeSelf(boot: string): Promise<Owner> {
  return {
    pid: process.pid,
    started: (await startOf("self")) ?? "",
    boot,
    namespace: await fs.readlink("/proc/self/ns/pid").catch(() => ""),
  };
}

/** Undefined when there is none, or what is there was torn by a power cut. */
async function readOwner(path: string): Promise<Owner | undefined> {
  try {
    const owner = JSON.parse(await fs.readFile(path, "utf8")) as Partial<Owner> | null;
    if (typeof owner?.pid !== "number" || !Number.isSafeInteger(owner.pid)) return undefined;
    const { pid, started = "", boot = "", namespace = "" } = owner;
    return { pid, started, boot, namespace };
  } catch {
    return undefined;
  }
}

async function isAlive(owner: Owner, self: Owner, socket: string): Promise<boolean> {
  if (owner.boot !== self.boot) return false;
  if (owner.namespace !== self.namespace) return await answers(socket);
  try {
    process.kill(owner.pid, 0);
  } catch (error) {
    if (systemCode(error) === "ESRCH") return false;
  }
  const started = await startOf(owner.pid);
  return started === undefined || owner.started === "" || started === owner.started;
}

/** Field 22 of /proc/PID/stat; undefined where there is none. */
async function startOf(pid: number | "self"): Promise<string | undefined> {
  try {
    const stat = await fs.readFile(`/proc/${pid}/stat`, "utf8");
    // The second field is the program's name in brackets, and may hold anything.
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
  } catch {
    return undefined;
  }
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const connection = createConnection(path);
    connection.once("connect", () => {
      connection.destroy();
      resolve(true);
    });
    connection.once("error", () => resolve(false));
  });
}

/** Whole or not at all, whatever happens meanwhile. */
async function replaceFile(path: string, text: string): Promise<void> {
  const temporary = `${path}.${randomBytes(6).toString("hex")}`;
  await fs.writeFile(temporary, text, { mode: 0o600 });
  await fs.rename(temporary, path);
}

function inUse(dir: string, owner: Owner | undefined): QueueError {
  const who = owner === undefined ? "another process" : `process ${owner.pid}`;
  return new QueueError(
    "FOLDER_IN_USE",
    `${dir} is being written by ${who}. One process writes a folder at a time; open it with \`readonly\` to read along`,
    { details: { dir, pid: owner?.pid } },
  );
}
