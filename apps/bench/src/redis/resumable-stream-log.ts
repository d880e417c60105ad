import { createResumableStreamContext } from "resumable-stream/ioredis";
import type { OpenLiveLog } from "../fsqueue/live-log.ts";
import { MESSAGE_BYTES } from "../fsqueue/message.ts";
import { startRedis } from "../fsqueue/redis-server.ts";

/** A stream that is written. */
interface Written {
  readonly controller: ReadableStreamDefaultController<string>;
  /** The chunk whose taking its writer waits for. */
  taken: () => void;
  /** Resolves when somebody reads it elsewhere. Before that nothing is published. */
  readonly resumed: Promise<void>;
  readonly onResumed: () => void;
}

/**
 * resumable-stream: the chunks of a stream stay in the process that writes it, which publishes them for those
 * who resume it elsewhere. An append is over when the next chunk is asked for: the one before is published then.
 */
export const openResumableStreamLog: OpenLiveLog = async ({ dir, streams, durability }) => {
  const server = await startRedis(dir, durability);
  const ends: Promise<unknown>[] = [];
  const open = () =>
    createResumableStreamContext({
      waitUntil: (end) => void ends.push(end),
      publisher: server.connect(),
      subscriber: server.connect(),
    });
  const [here, there] = [open(), open()];
  const writing = await Promise.all(
    Array.from({ length: streams }, async (_, stream): Promise<Written> => {
      let written: Written | undefined;
      let onResumed: () => void;
      const resumed = new Promise<void>((resolve) => (onResumed = resolve));
      const source = new ReadableStream<string>(
        {
          start: (controller) =>
            void (written = { controller, taken: () => {}, resumed, onResumed }),
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
    async append(stream, message) {
      const written = writing[stream]!;
      await written.resumed;
      await new Promise<void>((resolve) => {
        written.taken = resolve;
        written.controller.enqueue(message.toString("latin1"));
      });
    },
    async follow(stream, receive) {
      const resumed = await there.resumeExistingStream(String(stream));
      writing[stream]!.onResumed();
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
    async close() {
      for (const { controller } of writing) controller.close();
      await Promise.all(ends);
      await server.close();
    },
  };
};

/** The first client's reading. */
async function drain(stream: ReadableStream<string>): Promise<void> {
  const reader = stream.getReader();
  while (!(await reader.read()).done);
}
