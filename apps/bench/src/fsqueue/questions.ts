import type { Question } from "../harness.ts";
import { streamQuestions } from "./streams.ts";

export const questions: readonly Question[] = [...streamQuestions];
