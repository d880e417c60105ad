import { type RootDatabase, open } from "lmdb";
import { type Durability, Followers, type OpenLiveLog } from "./live-log.ts";

/** Messages of a stream are neighbours: the key is the stream and the message's number in it. */
export const STREAM_STRIDE = 2 ** 24;

/**
 * lmdb commits all puts of a moment together, and acknowledges them after the sync; `written` asks for none,
 * as a commit without it survives the process all the same.
 */
export const openLmdbLog: OpenLiveLog = async ({ dir, streams, durability }) => {
  const database = openLmdb(dir, durability);
  const next = new Float64Array(streams).map((_, stream) => stream * STREAM_STRIDE);
  const followers = new Followers();
  return {
    append(stream, message) {
      const put = database.put(next[stream]!, message);
      next[stream]! += 1;
      return put.then(() => followers.tell(stream));
    },
    follow(stream, receive) {
      let key = stream * STREAM_STRIDE;
      return followers.add(stream, () => {
        for (;;) {
          const message = database.getBinaryFast(key);
          if (message === undefined) return false;
          key += 1;
          if (receive(message)) return true;
        }
      });
    },
    close: () => database.close(),
  };
};

export function openLmdb(dir: string, durability: Durability): RootDatabase<Buffer, number> {
  return open<Buffer, number>({
    path: `${dir}/lmdb`,
    encoding: "binary",
    overlappingSync: false,
    noSync: durability === "written",
  });
}
