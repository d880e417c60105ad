import { stream } from "@durable-streams/client";
import { expect, it } from "vitest";
import type { Token } from "../src/model.ts";
import { answerTo } from "../src/seeded-model.ts";
import { post, serveAll } from "./server-on-files.ts";

const prompt = "May others read it as well?";
const server = serveAll("--tokens-per-second", "200");

it("lets a client of the Durable Streams protocol follow an answer while it is written", async () => {
  await post(server.url, "/chat", { id: "a", prompt, stream: false });
  const tokens: Token[] = [];
  const response = await stream<Token>({
    url: `${server.url}/v1/stream/a/reply`,
    offset: "-1",
    live: "sse",
  });
  await new Promise<void>((resolve) => {
    response.subscribeJson(async ({ items, streamClosed }) => {
      tokens.push(...items);
      if (streamClosed) resolve();
    });
  });
  expect(tokens).toEqual(answerTo(prompt));
});

it("lets nobody write an answer, nor read a question", async () => {
  await post(server.url, "/chat", { id: "b", prompt, stream: false });
  const put = await fetch(`${server.url}/v1/stream/b/reply`, { method: "PUT" });
  expect(put.status).toBe(404);
  expect((await fetch(`${server.url}/v1/stream/b/question`)).status).toBe(404);
  expect((await fetch(`${server.url}/v1/stream/b/reply`)).status).toBe(200);
});
