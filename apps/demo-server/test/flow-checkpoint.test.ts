import { type CheckpointLog, flow } from "@lazy/flow";
import { openQueues } from "@lazy/fsqueue";
import { expect, it } from "vitest";
import { freshFolder } from "./server-on-files.ts";

it("a queue on files is a flow's checkpoint log: a run goes on after the folder was opened again", async () => {
  const dir = await freshFolder();
  const ran: string[] = [];
  let down = true;
  const job = flow<number>("job")
    .step("fetch", async (n) => {
      ran.push("fetch");
      return { text: "x".repeat(n) };
    })
    .step("llm", async function* ({ text }) {
      ran.push("llm");
      yield* text;
    })
    .collect("tokens")
    .step("store", (tokens) => {
      ran.push("store");
      if (down) throw new Error("the database is down");
      return tokens.length;
    });
  const attempt = async (): Promise<number> => {
    await using queues = await openQueues({ dir });
    const checkpoint: CheckpointLog = queues.session("jobs").queue("checkpoints");
    return await job.run(3, { checkpoint, runId: "job 1" });
  };
  await expect(attempt()).rejects.toMatchObject({ path: ["job", "store"] });
  down = false;
  expect(await attempt()).toBe(3);
  expect(ran).toEqual(["fetch", "llm", "store", "store"]);
});
