import { createMemoryStore } from "@lazy/fsqueue";
import { openServer } from "@lazy/http";
import { again } from "./fixtures/again.ts";
import { conform } from "./fixtures/conformance.ts";

again(() => {
  conform(
    "in memory",
    async () => createMemoryStore(),
    (handler) => openServer(handler, { port: 0 }),
  );
});
