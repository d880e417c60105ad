import { bytesCodec, openQueues } from "@lazy/fsqueue";
import { openRedisStore } from "@lazy/redis";
import type { OpenLiveLog } from "../fsqueue/live-log.ts";
import { startRedis } from "../fsqueue/redis-server.ts";

/** The subject, as two servers would use it: one writes the queues of its sessions, the other reads them. */
export const openLazyRedisLog: OpenLiveLog = async ({ dir, streams, durability }) => {
  const server = await startRedis(dir, durability);
  const open = async () =>
    openQueues({ store: await openRedisStore(server.url), codec: bytesCodec() });
  const [here, there] = [await open(), await open()];
  const replyOf = (queues: typeof here, stream: number) =>
    queues.session(`session-${stream}`).queue<Uint8Array>("reply");
  const writing = Array.from({ length: streams }, (_, stream) => replyOf(here, stream));
  await Promise.all(writing.map((reply) => reply.open()));
  return {
    append: async (stream, message) => (await writing[stream]!.enqueue(message)).durable,
    async follow(stream, receive) {
      for await (const { value } of replyOf(there, stream).tail()) if (receive(value)) return;
    },
    async close() {
      await there.close();
      await here.close();
      await server.close();
    },
  };
};
