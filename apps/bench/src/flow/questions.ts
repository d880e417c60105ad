import type { Question } from "../harness.ts";
import { call } from "./call.ts";
import { graphs } from "./graph.ts";
import { memory } from "./memory.ts";
import { merges } from "./merge.ts";
import { streams } from "./stream.ts";
import { asyncStream, generatorStream } from "./stream-kinds.ts";
import { warps } from "./warp.ts";

export const questions: readonly Question[] = [
  ...streams,
  asyncStream,
  generatorStream,
  call,
  warps,
  merges,
  graphs,
  memory,
];
