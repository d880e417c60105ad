import { describe, expect, it } from "vitest";
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

describe.each(["SIGTERM", "SIGINT"] as const)("%s", (signal) => {
  it("ends the server with open streams, and its port is free", async () => {
    const server = await serve(await freshFolder());
    const response = await post(server.url, "/chat", { prompt: "Will it end?" });
    const events = all(response);
    expect(await server.end(signal)).toBe(0);
    await events;
    await expect(fetch(server.url)).rejects.toThrow("fetch failed");
  });
});

it("refuses a folder that another server uses, and exits 2", async () => {
  const dir = await freshFolder();
  const first = await serve(dir);
  await expect(serve(dir)).rejects.toThrow("ended before it listened");
  expect((await fetch(`${first.url}/stats`)).status).toBe(200);
});

const shared = serveAll("--tokens-per-second", "200");

it("follows many answers over one connection, each from its own offset", async () => {
  const { url } = shared;
  const prompts = Array.from({ length: 20 }, (_, index) => `Question number ${index}`);
  const started = await Promise.all(
    prompts.map(async (prompt) => (await post(url, "/chat", { prompt, stream: false })).json()),
  );
  const ids = started.map((body) => (body as { id: string }).id);
  const response = await post(url, "/watch", {
    answers: Object.fromEntries(ids.map((id) => [id, ""])),
  });
  const texts = new Map(ids.map((id) => [id, ""]));
  for await (const { event, data } of eventsOf(response)) {
    const { id, text } = data as { id: string; text: string };
    if (event === "token") texts.set(id, texts.get(id) + text);
  }
  expect([...texts.values()]).toEqual(
    prompts.map((prompt) =>
      answerTo(prompt)
        .map(({ text }) => text)
        .join(""),
    ),
  );
});

it("tells at the one connection which of many answers there is not", async () => {
  const { url } = shared;
  const events = await all(await post(url, "/watch", { answers: { none: "" } }));
  expect(events).toMatchObject([
    { event: "failed", data: { id: "none", code: "ANSWER_NOT_FOUND" } },
  ]);
});

it("tells its reader that an answer was stopped in a session that others share, too", async () => {
  const { url } = await serve(await freshFolder(), "--mode", "shared");
  const received: Received[] = [];
  for await (const event of eventsOf(await post(url, "/chat", { id: "a", prompt: "Stop?" }))) {
    received.push(event);
    if (received.length === 3) await fetch(`${url}/chat/a`, { method: "DELETE" });
  }
  expect(received.at(-1)).toMatchObject({ event: "failed", data: { code: "ANSWER_STOPPED" } });
});

it("survives that answers are stopped in the moment in which they begin", async () => {
  const { url } = shared;
  const ids = Array.from({ length: 20 }, (_, index) => `brief-${index}`);
  await Promise.all(
    ids.map((id) =>
      Promise.all([
        post(url, "/chat", { id, prompt: "Stop?", stream: false }),
        fetch(`${url}/chat/${id}`, { method: "DELETE" }),
        fetch(`${url}/chat/${id}`, { method: "DELETE" }),
      ]),
    ),
  );
  const ends = await Promise.all(
    ids.map(async (id) => (await all(await fetch(`${url}/chat/${id}`))).at(-1)?.event),
  );
  for (const end of ends) expect(["end", "failed"]).toContain(end);
});

it("refuses an id that belongs to another question", async () => {
  const { url } = shared;
  await all(await post(url, "/chat", { id: "a", prompt: "One" }));
  const other = await post(url, "/chat", { id: "a", prompt: "Another" });
  expect(other.status).toBe(409);
  expect(await other.json()).toMatchObject({ error: { code: "ANSWER_EXISTS" } });
});

it("answers bad input with a code and keeps serving", async () => {
  const { url } = shared;
  const cases: [Promise<Response>, number][] = [
    [post(url, "/chat", {}), 400],
    [post(url, "/chat", { prompt: "" }), 400],
    [post(url, "/chat", { prompt: "x", mode: "mixed" }), 400],
    [post(url, "/chat", { prompt: "x".repeat(100_000) }), 413],
    [post(url, "/storm", { sessions: 1001 }), 400],
    [post(url, "/storm", { sessions: 51, mode: "shared" }), 400],
    [fetch(`${url}/nowhere`), 404],
    [fetch(`${url}/chat/unknown`), 404],
    [fetch(`${url}/chat/unknown`, { method: "DELETE" }), 404],
  ];
  for (const [pending, status] of cases) {
    const response = await pending;
    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject({ error: { code: expect.any(String) } });
  }
  const answered = await post(url, "/chat", { id: "known", prompt: "Still there?" });
  expect(answered.status).toBe(200);
  await answered.body!.cancel();
  const hostile = await fetch(`${url}/chat/known`, {
    headers: { "last-event-id": "not an offset" },
  });
  expect(hostile.status).toBe(400);
});
