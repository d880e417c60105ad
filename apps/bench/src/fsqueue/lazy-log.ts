import { bytesCodec, openQueues } from "@lazy/fsqueue";
import type { OpenLiveLog } from "./live-log.ts";

/** The subject, as a server would use it: a queue for each session, a tail on each. */
export const openLazyLog: OpenLiveLog = async ({ dir, streams, durability }) => {
  const queues = await openQueues({ dir, durability, codec: bytesCodec() });
  const replies = Array.from({ length: streams }, (_, stream) =>
    queues.session(`session-${stream}`).queue<Uint8Array>("reply"),
  );
  await Promise.all(replies.map((reply) => reply.open()));
  return {
    append: (stream, message) => replies[stream]!.enqueue(message),
    async follow(stream, receive) {
      for await (const { value } of replies[stream]!.tail()) if (receive(value)) return;
    },
    close: () => queues.close(),
  };
};
