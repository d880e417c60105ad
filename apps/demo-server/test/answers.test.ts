import { session } from "@lazy/context";
import { openQueues } from "@lazy/fsqueue";
import { expect, it } from "vitest";
import { openAnswers } from "../src/answers.ts";
import type { Token } from "../src/model.ts";
import { answerTo } from "../src/seeded-model.ts";
import { createUpstreamModel } from "../src/upstream-model.ts";
import { freshFolder } from "./server-on-files.ts";

const prompt = "What is left of it?";
const tokens = answerTo(prompt);

/** A folder with an answer of another model, whose process was gone when this much had been written. */
async function folderWith(written: readonly Token[]): Promise<string> {
  const dir = await freshFolder();
  const queues = await openQueues({ dir });
  await session.open({ id: "a" }).run(async () => {
    const question = { messages: [{ role: "user", content: prompt }] };
    await queues.queue("question").enqueue({ question, model: "m" });
    await queues.queue("reply").enqueueMany(written);
  });
  await queues.close();
  return dir;
}

it.each([
  ["ends with WRITER_LOST when it was interrupted", tokens.slice(0, 5), "WRITER_LOST"],
  ["ends well when nothing but its end was missing", tokens, undefined],
])("an answer of a real model %s", async (_what, written, code) => {
  const model = createUpstreamModel({ baseUrl: "http://127.0.0.1:9/v1", model: "m" });
  const answers = await openAnswers({ dir: await folderWith(written), model });
  const read: Token[] = [];
  let failure: { code?: string } | undefined;
  try {
    const { signal } = new AbortController();
    for await (const { value } of answers.read("a", "isolated", { signal })) read.push(value);
  } catch (error) {
    failure = error as { code: string };
  }
  expect(failure?.code).toBe(code);
  expect(read).toEqual(written);
  await answers.close();
});
