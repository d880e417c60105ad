import { openServer } from "@lazy/http";
import { conform, openTemporaryStore } from "./fixtures/conformance.ts";

conform(
  "on files",
  () => openTemporaryStore(),
  (handler) => openServer(handler, { port: 0 }),
);
