import type { Question } from "../harness.ts";
import { awaitCost } from "./await.ts";
import { bind, bindElsewhere } from "./bind.ts";
import { chatOf50 } from "./chat.ts";
import { emptyGeneratorStep, generatorStep, otherGeneratorStep } from "./generator.ts";
import { memory } from "./memory.ts";
import { read } from "./read.ts";
import { run, runAndUse } from "./run.ts";
import { write } from "./write.ts";

export const questions: readonly Question[] = [
  read,
  write,
  run,
  runAndUse,
  bind,
  bindElsewhere,
  generatorStep,
  emptyGeneratorStep,
  otherGeneratorStep,
  chatOf50,
  awaitCost,
  memory,
];
