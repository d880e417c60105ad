/**
 * The file operations of the journal, and all of them: what a power cut can leave behind is decided by
 * their order, so the tests put a simulator here. Descriptors are the numbers `open` gave.
 */
export interface FilePort {
  /** Create a folder and its parents, for this user only; returns the topmost that was created. */
  makeFolder(path: string): Promise<string | undefined>;
  /** The names in a folder; empty if it does not exist. */
  list(path: string): Promise<readonly string[]>;
  /** `create`: read and write, must not exist. `write`: read and write. `read`: read. */
  open(path: string, mode: "create" | "write" | "read"): Promise<number>;
  close(descriptor: number): Promise<void>;
  size(descriptor: number): Promise<number>;
  /** May write less than asked; returns how much. */
  write(
    descriptor: number,
    bytes: Uint8Array,
    from: number,
    length: number,
    at: number,
  ): Promise<number>;
  /** The same, at once: for little. */
  writeNow(descriptor: number, bytes: Uint8Array, from: number, length: number, at: number): number;
  /** May read less than asked; 0 at the end of the file. */
  read(
    descriptor: number,
    bytes: Uint8Array,
    from: number,
    length: number,
    at: number,
  ): Promise<number>;
  /** The same, at once: for little that is likely to be in memory. */
  readNow(descriptor: number, bytes: Uint8Array, from: number, length: number, at: number): number;
  truncate(descriptor: number, length: number): Promise<void>;
  /**
   * Make the file so long, at once, if possible without taking room on the disk; what is new of it reads as
   * zeros. Throws where that is not to be had: the journal does without then.
   */
  extendNow(descriptor: number, length: number): void;
  /** fdatasync: the file's bytes and its length. */
  sync(descriptor: number): Promise<void>;
  /** fsync of a folder: its entries. */
  syncFolder(path: string): Promise<void>;
  remove(path: string): Promise<void>;
  /** Replaces `to` atomically. */
  rename(from: string, to: string): Promise<void>;
  /** Which start of the machine this is: what was written before another may be lost. Empty if unknown. */
  bootId(): Promise<string>;
  /** Take the folder for this process alone; `FOLDER_IN_USE` if another has it. Returns the way back. */
  lock(path: string): Promise<() => Promise<void>>;
  /** Call `changed` when something in the folder may have changed, and whether a file may have come; returns how to stop. */
  watch(path: string, changed: (created: boolean) => void): () => void;
  /** The magic number of the folder's file system (statfs), 0 where the platform has none. */
  folderType(path: string): Promise<number>;
}
