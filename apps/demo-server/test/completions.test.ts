import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateText, streamText } from "ai";
import OpenAI from "openai";
import { describe, expect, it } from "vitest";
import { answerTo } from "../src/seeded-model.ts";
import { all, eventsOf, freshFolder, post, serve, serveAll } from "./server-on-files.ts";

const prompt = "What do the usual clients make of it?";
const expected = answerTo(prompt).map(({ text }) => text);
const messages = [{ role: "user" as const, content: prompt }];
const model = "lazy-seeded";

const fast = serveAll("--tokens-per-second", "0");
const slow = serveAll("--tokens-per-second", "60");

function clientOf(url: string): OpenAI {
  return new OpenAI({ baseURL: `${url}/v1`, apiKey: "any" });
}

describe("the client of OpenAI", () => {
  it("gets a whole completion, and finds the model", async () => {
    const client = clientOf(fast.url);
    const { data } = await client.models.list();
    expect(data.map(({ id }) => id)).toEqual([model]);
    expect(await client.models.retrieve(model)).toMatchObject({ id: model, object: "model" });

    const completion = await client.chat.completions.create({ model, messages });
    expect(completion.choices).toMatchObject([
      { index: 0, message: { role: "assistant", content: expected.join("") } },
    ]);
    expect(completion.choices[0]?.finish_reason).toBe("stop");
    expect(completion.usage).toEqual({
      prompt_tokens: 8,
      completion_tokens: expected.length,
      total_tokens: 8 + expected.length,
    });
  });

  it("streams token by token, with the usage where it is asked for", async () => {
    const client = clientOf(fast.url);
    const texts: string[] = [];
    let usage: unknown;
    const reasons: unknown[] = [];
    for await (const chunk of await client.chat.completions.create({
      model,
      messages,
      max_tokens: 5,
      stream: true,
      stream_options: { include_usage: true },
    })) {
      for (const { delta, finish_reason } of chunk.choices) {
        if (delta.content) texts.push(delta.content);
        if (finish_reason) reasons.push(finish_reason);
      }
      usage = chunk.usage ?? usage;
    }
    expect(texts).toEqual(expected.slice(0, 5));
    expect(reasons).toEqual(["length"]);
    expect(usage).toMatchObject({ completion_tokens: 5 });

    for await (const chunk of await client.chat.completions.create({
      model,
      messages,
      stream: true,
    }))
      expect(chunk).not.toHaveProperty("usage");
  });

  it("is told what is wrong with a request in its own terms", async () => {
    const client = clientOf(fast.url);
    const create = (body: object): Promise<unknown> =>
      client.chat.completions.create({ model, messages, ...body }).asResponse();
    const cases: [object, object][] = [
      [{ model: "gpt-9" }, { status: 404, code: "model_not_found", param: "model" }],
      [{ messages: [] }, { status: 400, code: "invalid_request", param: "messages" }],
      [
        { messages: [{ role: "king", content: "x" }] },
        { status: 400, code: "invalid_request", param: "messages[0].role" },
      ],
      [
        { messages: [{ role: "system", content: "x" }] },
        { status: 400, code: "invalid_request", param: "messages" },
      ],
      [
        { messages: [{ role: "user", content: [{ type: "image_url", image_url: { url: "x" } }] }] },
        { status: 400, code: "unsupported_parameter", param: "messages[0].content[0].type" },
      ],
      [{ n: 2 }, { status: 400, code: "unsupported_parameter", param: "n" }],
      [{ max_tokens: 0 }, { status: 400, code: "invalid_request", param: "max_tokens" }],
    ];
    for (const [body, error] of cases)
      await expect(create(body)).rejects.toMatchObject({ type: "invalid_request_error", ...error });
    await expect(client.get("/nothing")).rejects.toMatchObject({ status: 404, code: "not_found" });
    await expect(
      client.chat.completions.create(
        { model, messages },
        { headers: { "idempotency-key": "a/b" } },
      ),
    ).rejects.toMatchObject({ status: 400, code: "invalid_idempotency_key" });
  });

  it("is told when an answer is stopped in mid-stream, instead of taking a part for the whole", async () => {
    const stream = await clientOf(slow.url).chat.completions.create({
      model,
      messages,
      stream: true,
    });
    const read = async (): Promise<void> => {
      for await (const { id, choices } of stream) {
        if (choices[0]?.delta.content === expected[3])
          await fetch(`${slow.url}/chat/${id}`, { method: "DELETE" });
      }
    };
    await expect(read()).rejects.toMatchObject({ code: "ANSWER_STOPPED" });
  });

  it("leaves, and its answer is written on, for all other addresses to read", async () => {
    const stream = await clientOf(slow.url).chat.completions.create({
      model,
      messages,
      stream: true,
    });
    let id = "";
    for await (const chunk of stream) {
      id = chunk.id;
      if (chunk.choices[0]?.delta.content) break;
    }
    const events = await all(await fetch(`${slow.url}/chat/${id}`));
    expect(events.filter(({ event }) => event === "token").map(({ data }) => data["text"])).toEqual(
      expected,
    );
    const stored = await fetch(`${slow.url}/v1/stream/${id}/reply`);
    expect(await stored.json()).toHaveLength(expected.length);
  });

  it("repeats a request under its key across a kill -9, and gets the one answer whole", async () => {
    const dir = await freshFolder();
    const first = await serve(dir, "--tokens-per-second", "60");
    const port = new URL(first.url).port;
    const client = new OpenAI({ baseURL: `${first.url}/v1`, apiKey: "any", maxRetries: 8 });
    const completion = client.chat.completions.create(
      { model, messages },
      { headers: { "idempotency-key": "mine" } },
    );
    for await (const { event } of eventsOfStored(first.url, "mine")) {
      if (event === "token") break;
    }
    await first.end("SIGKILL");
    await serve(dir, "--tokens-per-second", "60", "--port", port);
    const { id, choices } = await completion;
    expect(id).toBe("mine");
    expect(choices[0]?.message.content).toBe(expected.join(""));
  });

  it("does not get another question's answer under a key that was used", async () => {
    await all(await post(fast.url, "/chat", { id: "taken", prompt: "Another question" }));
    const headers = { "idempotency-key": "taken" };
    const asked = clientOf(fast.url).chat.completions.create(
      { model, messages },
      { headers, maxRetries: 0 },
    );
    await expect(asked).rejects.toMatchObject({ status: 409, code: "ANSWER_EXISTS" });
  });
});

describe("the AI SDK through an OpenAI-compatible provider", () => {
  it("generates and streams", async () => {
    const { url } = fast;
    const lazy = createOpenAICompatible({ name: "lazy", baseURL: `${url}/v1`, includeUsage: true });
    const generated = await generateText({ model: lazy(model), prompt });
    expect(generated.text).toBe(expected.join(""));

    const streamed = streamText({ model: lazy(model), system: "Be brief.", prompt });
    const texts: string[] = [];
    for await (const text of streamed.textStream) texts.push(text);
    expect(texts).toEqual(expected);
    expect(await streamed.finishReason).toBe("stop");
    expect((await streamed.usage).outputTokens).toBe(expected.length);
  });

  it("is told when an answer is stopped in mid-stream", async () => {
    const lazy = createOpenAICompatible({ name: "lazy", baseURL: `${slow.url}/v1` });
    const { fullStream } = streamText({
      model: lazy(model),
      prompt,
      headers: { "idempotency-key": "mine" },
      onError: () => {},
    });
    let texts = 0;
    const errors: unknown[] = [];
    for await (const part of fullStream) {
      if (part.type === "error") errors.push(part.error);
      if (part.type === "text-delta" && ++texts === 3)
        await fetch(`${slow.url}/chat/mine`, { method: "DELETE" });
    }
    expect(errors).toHaveLength(1);
  });
});

/** The events of an answer as soon as there is one. */
async function* eventsOfStored(url: string, id: string) {
  await expect.poll(async () => (await fetch(`${url}/chat/${id}`)).status).toBe(200);
  yield* eventsOf(await fetch(`${url}/chat/${id}`));
}
