import { type FileHandle, open } from "node:fs/promises";
import { readSync } from "node:fs";
import { Followers, type OpenLiveLog } from "./live-log.ts";
import { MESSAGE_BYTES } from "./message.ts";

/** A file for each stream: append, and fdatasync where asked. */
export const openFileLog: OpenLiveLog = async ({ dir, streams, durability }) => {
  const files: FileHandle[] = [];
  for (let stream = 0; stream < streams; stream++)
    files.push(await open(`${dir}/${stream}`, "ax+"));
  const followers = new Followers();
  return {
    async append(stream, message) {
      const file = files[stream]!;
      await file.write(message);
      if (durability === "synced") await file.datasync();
      followers.tell(stream);
    },
    follow(stream, receive) {
      const file = files[stream]!;
      const message = Buffer.alloc(MESSAGE_BYTES);
      let position = 0;
      return followers.add(stream, () => {
        while (readSync(file.fd, message, 0, MESSAGE_BYTES, position) === MESSAGE_BYTES) {
          position += MESSAGE_BYTES;
          if (receive(message)) return true;
        }
        return false;
      });
    },
    async close() {
      for (const file of files) await file.close();
    },
  };
};
