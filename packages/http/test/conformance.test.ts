import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openFileStore } from "@lazy/fsqueue";
import { openServer } from "@lazy/http";
import { conform } from "./fixtures/conformance.ts";

conform(
  "on files",
  async () => openFileStore({ dir: await mkdtemp(join(tmpdir(), "lazy-http-")) }),
  (handler) => openServer(handler, { port: 0 }),
);
