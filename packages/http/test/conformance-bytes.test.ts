import { openServer } from "@lazy/http";
import { again } from "./fixtures/again.ts";
import { openByteProxy } from "./fixtures/byte-proxy.ts";
import { conform, openTemporaryStore } from "./fixtures/conformance.ts";

again(() => {
  conform(
    "on files, synced, through a proxy that passes single bytes",
    () => openTemporaryStore({ durability: "synced" }),
    async (handler) => {
      const server = await openServer(handler, { port: 0 });
      const proxy = await openByteProxy(server.port);
      return {
        url: proxy.url,
        async close() {
          await proxy.close();
          await server.close();
        },
      };
    },
  );
});
