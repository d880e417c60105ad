import type { Question } from "../harness.ts";
import { catchUpQuestions } from "./catch-up.ts";
import { idleTails } from "./idle-tails.ts";
import { openFolder } from "./open-folder.ts";
import { pacedCpu, pacedLatency } from "./paced.ts";
import { serial } from "./serial.ts";
import { streamQuestions } from "./streams.ts";
import { syncs } from "./syncs.ts";

export const questions: readonly Question[] = [
  ...streamQuestions,
  serial,
  pacedLatency,
  pacedCpu,
  ...catchUpQuestions,
  openFolder,
  idleTails,
  syncs,
];
