import { createResumableStreamContext } from "resumable-stream/ioredis";
import type { OpenLiveLog } from "../fsqueue/live-log.ts";
import { MESSAGE_BYTES } from "../fsqueue/message.ts";
import { startRedis } from "../fsqueue/redis-server.ts";

/** A stream that is written, and the chunk whose taking its writer waits for. */
interface Written {
  readonly controller: ReadableStreamDefaultController<string>;
  taken: () => void;
}

/**
 * resumable-stream: the chunks of a stream stay in the process that writes it, which publishes them for those
 * who resume it elsewhere. An append is over when the next chunk is asked for: the one before is published then.
 */
export const openResumableStreamLog: OpenLiveLog = async ({ dir, streams, durability }) => {
  const server = await startRedis(dir, durability);
  const open = () =>
    createResumableStreamContext({
      waitUntil: () => {},
      publisher: server.connect(),
      subscriber: server.connect(),
    });
  const [here, there] = [open(), open()];
  const writing = await Promise.all(
    Array.from({ length: streams }, async (_, stream): Promise<Written> => {
      let written: Written | undefined;
      const source = new ReadableStream<string>(
        {
          start: (controller) => void (written = { controller, taken: () => {} }),
          pull: () => written?.taken(),
        },
        { highWaterMark: 0 },
      );
      const first = await here.createNewResumableStream(String(stream), () => source);
      void drain(first!);
      return written!;
    }),
  );
  return {
    append: (stream, message) =>
      new Promise<void>((resolve) => {
        const written = writing[stream]!;
        written.taken = resolve;
        written.controller.enqueue(message.toString("latin1"));
      }),
    async follow(stream, receive) {
      const resumed = await there.resumeExistingStream(String(stream));
      let text = "";
      for await (const chunk of resumed!) {
        text += chunk;
        let at = 0;
        for (; text.length - at >= MESSAGE_BYTES; at += MESSAGE_BYTES) {
          if (receive(Buffer.from(text.slice(at, at + MESSAGE_BYTES), "latin1"))) return;
        }
        text = text.slice(at);
      }
    },
    close: () => server.close(),
  };
};

/** The first client's reading. */
async function drain(stream: ReadableStream<string>): Promise<void> {
  const reader = stream.getReader();
  while (!(await reader.read()).done);
}
