import { expect, it } from "vitest";
import type { Token } from "../src/model.ts";
import { answerTo } from "../src/seeded-model.ts";
import {
  type Received,
  all,
  eventsOf,
  freshFolder,
  post,
  serve,
  serveAll,
} from "./server-on-files.ts";

const prompt = "What is left of an answer when its server is killed?";
const expected = answerTo(prompt);
const slow = ["--tokens-per-second", "60"];
const shared = serveAll(...slow);

function tokensOf(events: readonly Received[]): Token[] {
  return events
    .filter(({ event }) => event === "token")
    .map(({ data }) => data as unknown as Token);
}

it("goes on behind Last-Event-ID after a SIGKILL in mid-stream: every token exactly once", async () => {
  const dir = await freshFolder();
  const first = await serve(dir, ...slow);
  const before: Received[] = [];
  for await (const event of eventsOf(await post(first.url, "/chat", { id: "a", prompt }))) {
    before.push(event);
    if (tokensOf(before).length === 10) await first.end("SIGKILL");
  }
  expect(tokensOf(before).length).toBeLessThan(expected.length);

  const second = await serve(dir, ...slow);
  const lastEventId = before.at(-1)!.id!;
  const after = await all(
    await fetch(`${second.url}/chat/a`, { headers: { "last-event-id": lastEventId } }),
  );
  expect([...tokensOf(before), ...tokensOf(after)]).toEqual(expected);
  expect(after.at(-1)).toMatchObject({ event: "end", data: { status: "ok" } });
});

it("still serves a finished answer after a restart, from its start", async () => {
  const dir = await freshFolder();
  const first = await serve(dir, "--tokens-per-second", "0");
  await all(await post(first.url, "/chat", { id: "a", prompt }));
  await first.end("SIGKILL");

  const second = await serve(dir);
  expect(tokensOf(await all(await fetch(`${second.url}/chat/a`)))).toEqual(expected);
});

it("continues an answer that SIGTERM interrupted", async () => {
  const dir = await freshFolder();
  const first = await serve(dir, ...slow);
  const before: Received[] = [];
  let ended: Promise<unknown> | undefined;
  for await (const event of eventsOf(await post(first.url, "/chat", { id: "a", prompt }))) {
    before.push(event);
    if (tokensOf(before).length === 10) ended = first.end("SIGTERM");
  }
  expect(await ended).toBe(0);

  const second = await serve(dir, ...slow);
  const headers = { "last-event-id": before.at(-1)!.id! };
  const after = await all(await fetch(`${second.url}/chat/a`, { headers }));
  expect([...tokensOf(before), ...tokensOf(after)]).toEqual(expected);
});

it("resumes at any offset, and answers 204 once there is nothing left", async () => {
  const server = await serve(await freshFolder(), "--tokens-per-second", "0");
  const events = await all(await post(server.url, "/chat", { id: "a", prompt }));
  const tokens = events.filter(({ event }) => event === "token");
  const resume = (id: string): Promise<Response> =>
    fetch(`${server.url}/chat/a`, { headers: { "last-event-id": id } });
  for (const at of [0, 5, tokens.length - 2]) {
    const rest = tokensOf(await all(await resume(tokens[at]!.id!)));
    expect(rest).toEqual(expected.slice(at + 1));
  }
  expect((await resume(tokens.at(-1)!.id!)).status).toBe(204);
});

it("keeps writing when its reader leaves, and does not start an answer twice", async () => {
  const { url } = shared;
  for await (const { event } of eventsOf(await post(url, "/chat", { id: "kept", prompt }))) {
    if (event === "token") break;
  }
  const again = await all(await post(url, "/chat", { id: "kept", prompt }));
  expect(tokensOf(again)).toEqual(expected);
});

it("ends an answer that is stopped, and says so to its reader", async () => {
  const { url } = shared;
  const received: Received[] = [];
  let stopped: Response | undefined;
  for await (const event of eventsOf(await post(url, "/chat", { id: "stopped", prompt }))) {
    received.push(event);
    if (tokensOf(received).length === 3)
      stopped ??= await fetch(`${url}/chat/stopped`, { method: "DELETE" });
  }
  expect(stopped?.status).toBe(204);
  expect(received.at(-1)?.event).toBe("failed");
  expect(tokensOf(received).length).toBeLessThan(expected.length);
  expect((await fetch(`${url}/chat/stopped`, { method: "DELETE" })).status).toBe(404);
});
