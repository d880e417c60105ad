import * as fs from "node:fs";
import { promisify } from "node:util";
import { lockFolder } from "./folder-lock.ts";
import type { FilePort } from "./port.ts";

const FILE_MODE = 0o600;
const FOLDER_MODE = 0o700;

const close = promisify(fs.close);
const fdatasync = promisify(fs.fdatasync);
const fsync = promisify(fs.fsync);
const fstat = promisify(fs.fstat);
const ftruncate = promisify(fs.ftruncate);
const open = promisify(fs.open);

/** The real file system. Descriptors go through `node:fs`: graceful-fs never settles an open on EMFILE. */
export function createNodePort(): FilePort {
  return {
    makeFolder(path) {
      return fs.promises.mkdir(path, { recursive: true, mode: FOLDER_MODE });
    },
    async list(path) {
      try {
        return await fs.promises.readdir(path);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
        throw error;
      }
    },
    open(path, mode) {
      return open(path, mode === "create" ? "wx+" : mode === "write" ? "r+" : "r", FILE_MODE);
    },
    close,
    async size(descriptor) {
      return (await fstat(descriptor)).size;
    },
    write(descriptor, bytes, from, length, at) {
      return new Promise((resolve, reject) => {
        fs.write(descriptor, bytes, from, length, at, (error, written) =>
          error === null ? resolve(written) : reject(error),
        );
      });
    },
    writeNow(descriptor, bytes, from, length, at) {
      return fs.writeSync(descriptor, bytes, from, length, at);
    },
    read(descriptor, bytes, from, length, at) {
      return new Promise((resolve, reject) => {
        fs.read(descriptor, bytes, from, length, at, (error, count) =>
          error === null ? resolve(count) : reject(error),
        );
      });
    },
    readNow(descriptor, bytes, from, length, at) {
      return fs.readSync(descriptor, bytes, from, length, at);
    },
    truncate: ftruncate,
    extendNow: fs.ftruncateSync,
    sync: fdatasync,
    async syncFolder(path) {
      // Windows cannot open folders, and needs no sync of them.
      if (process.platform === "win32") return;
      const descriptor = await open(path, "r");
      try {
        await fsync(descriptor);
      } finally {
        await close(descriptor);
      }
    },
    async remove(path) {
      await fs.promises.rm(path, { force: true });
    },
    async rename(from, to) {
      await fs.promises.rename(from, to);
    },
    async bootId() {
      try {
        return (await fs.promises.readFile("/proc/sys/kernel/random/boot_id", "utf8")).trim();
      } catch {
        return "";
      }
    },
    async lock(path) {
      return lockFolder(path, await this.bootId());
    },
    watch(path, changed) {
      try {
        const watcher = fs.watch(path, { persistent: false }, (event) =>
          changed(event === "rename"),
        );
        watcher.on("error", () => watcher.close());
        return () => watcher.close();
      } catch {
        return () => {}; // no watches left: who follows looks for itself from time to time
      }
    },
    async folderType(path) {
      if (typeof fs.promises.statfs !== "function") return 0;
      return (await fs.promises.statfs(path)).type;
    },
  };
}
