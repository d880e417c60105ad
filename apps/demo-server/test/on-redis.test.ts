import { describe, expect, it } from "vitest";
import type { Token } from "../src/model.ts";
import { answerTo } from "../src/seeded-model.ts";
import { hasRedis, startRedis } from "./redis-server.ts";
import { all, eventsOf, freshFolder, post, type Received, serve } from "./server-on-files.ts";

const prompt = "What is left of an answer when another server has to write it on?";
const expected = answerTo(prompt);
const id = "a";

/** Longer than a busy machine lets a server stand still: it would be taken for dead. */
const leaseMs = 1500;
const slow = ["--tokens-per-second", "30", "--lease-ms", String(leaseMs)];

async function serveOn(redis: string) {
  return await serve(await freshFolder(), "--redis", redis, ...slow);
}

function tokensOf(events: readonly Received[]): Token[] {
  return events
    .filter(({ event }) => event === "token")
    .map(({ data }) => data as unknown as Token);
}

describe.skipIf(!hasRedis())("two servers on one Redis", () => {
  it("read each other's answers live, and refuse what only the writer can do", async () => {
    const redis = await startRedis();
    const [one, two] = await Promise.all([serveOn(redis), serveOn(redis)]);
    expect(one.output()).toContain(`queues in Redis at ${new URL(redis).host}`);
    await post(one.url, "/chat", { id, prompt, stream: false });

    const stopped = await fetch(`${two.url}/chat/${id}`, { method: "DELETE" });
    expect(stopped.status).toBe(409);
    expect(await stopped.json()).toMatchObject({ error: { code: "ANSWER_ELSEWHERE" } });
    const shared = await post(two.url, "/chat", { id: "b", prompt, mode: "shared" });
    expect(shared.status).toBe(400);
    expect(await shared.json()).toMatchObject({ error: { code: "MODE_UNAVAILABLE" } });

    // Begun again elsewhere it is the same answer, not a second one.
    const again = await all(await post(two.url, "/chat", { id, prompt }));
    expect(tokensOf(again)).toEqual(expected);
    expect(again.at(-1)).toMatchObject({ event: "end", data: { status: "ok" } });
  });

  it.each(["SIGKILL", "SIGTERM", "SIGSTOP"] as const)(
    "go on with an answer whose server got %s, every token exactly once",
    async (signal) => {
      const redis = await startRedis();
      const [one, two] = await Promise.all([serveOn(redis), serveOn(redis)]);
      const before: Received[] = [];
      const body = await post(one.url, "/chat", { id, prompt });
      for await (const event of eventsOf(body)) {
        before.push(event);
        if (tokensOf(before).length < 10) continue;
        one.process.kill(signal);
        break;
      }
      const headers = { "last-event-id": before.at(-1)!.id! };
      const resumed = fetch(`${two.url}/chat/${id}`, { headers }).then(all);
      const writtenOn = async (): Promise<boolean> => {
        const stats = (await (await fetch(`${two.url}/stats`)).json()) as { writing: number };
        return stats.writing > 0;
      };
      await expect.poll(writtenOn, { timeout: 10 * leaseMs, interval: 20 }).toBe(true);
      one.process.kill("SIGCONT");
      const after = await resumed;
      expect([...tokensOf(before), ...tokensOf(after)]).toEqual(expected);
      expect(after.at(-1)).toMatchObject({ event: "end", data: { status: "ok" } });
    },
  );

  it("tell a wrong address, and what Redis refuses, without the password", async () => {
    const start = (url: string) => serveOn(url).then(String, (error: Error) => error.message);
    expect(await start("http://127.0.0.1")).toContain("--redis must be an address");
    const refused = await start((await startRedis()).replace("//", "//nobody:hidden@"));
    expect(refused).toContain("STORE_FAILED");
    expect(refused).not.toContain("hidden");
  });
});
