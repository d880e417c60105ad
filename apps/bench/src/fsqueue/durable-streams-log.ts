import { FileBackedStreamStore } from "@durable-streams/server";
import type { OpenLiveLog } from "./live-log.ts";

const BEGINNING = "0000000000000000_0000000000000000";

/**
 * The file store of @durable-streams/server itself, without HTTP. It always syncs. Each stream has a handle:
 * with its default of 100 it loses appends when more are written at once.
 */
export const openDurableStreamsLog: OpenLiveLog = async ({ dir, streams }) => {
  const { info } = console;
  console.info = () => {}; // it tells of every slow append
  const store = new FileBackedStreamStore({ dataDir: dir, maxFileHandles: streams + 100 });
  const paths = Array.from({ length: streams }, (_, stream) => `/${stream}`);
  await Promise.all(
    paths.map((path) => store.create(path, { contentType: "application/octet-stream" })),
  );
  return {
    append: (stream, message) => store.append(paths[stream]!, message),
    async follow(stream, receive) {
      let offset = BEGINNING;
      for (;;) {
        const { messages } = await store.waitForMessages(paths[stream]!, offset, 30_000);
        for (const message of messages) {
          offset = message.offset;
          if (receive(message.data)) return;
        }
      }
    },
    async close() {
      await store.close();
      console.info = info;
    },
  };
};
