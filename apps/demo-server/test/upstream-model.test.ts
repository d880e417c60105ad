import { once } from "node:events";
import { type Server, type ServerResponse, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import OpenAI from "openai";
import { describe, expect, it, onTestFinished } from "vitest";
import type { Token } from "../src/model.ts";
import { answerTo } from "../src/seeded-model.ts";
import { createUpstreamModel } from "../src/upstream-model.ts";
import {
  type Received,
  all,
  eventsOf,
  freshFolder,
  post,
  serve,
  serveWith,
} from "./server-on-files.ts";

const prompt = "Who answers when a model is named?";
const expected = answerTo(prompt).map(({ text }) => text);
const key = "sk-very-secret-0123456789";

function environment(baseUrl: string): Record<string, string> {
  return { LLM_BASE_URL: baseUrl, LLM_API_KEY: key, LLM_MODEL: "lazy-seeded" };
}

/** A server that answers every chat completion like this. */
async function upstream(answer: (response: ServerResponse) => void): Promise<string> {
  const server: Server = createServer((request, response) => {
    request.resume();
    answer(response);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
}

function refusing(status: number): (response: ServerResponse) => void {
  return (response) => {
    response.writeHead(status, { "content-type": "application/json", "retry-after-ms": "1" });
    response.end(JSON.stringify({ error: { message: `no, not with ${key}`, code: "no" } }));
  };
}

const chunk = (content: string): string =>
  `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content }, finish_reason: null }] })}\n\n`;

function textsOf(events: readonly Received[]): unknown[] {
  return events.filter(({ event }) => event === "token").map(({ data }) => data["text"]);
}

describe("a model behind another server", () => {
  it("answers token by token like the embedded one, to its own clients as well", async () => {
    const other = await serve(await freshFolder(), "--tokens-per-second", "200");
    const server = await serveWith(environment(`${other.url}/v1`), await freshFolder());
    const events = await all(await post(server.url, "/chat", { prompt }));
    expect(textsOf(events)).toEqual([...expected, ""]);
    expect(events.at(-1)).toMatchObject({ event: "end" });
    const { whole } = events.at(-2)!.data as unknown as Token;
    const own = answerTo(prompt).at(-1)!.whole!;
    expect(whole).toEqual(own);

    const client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: "any" });
    const { choices } = await client.chat.completions.create({
      model: "lazy-seeded",
      messages: [{ role: "user", content: prompt }],
      max_tokens: 4,
    });
    expect(choices[0]?.message.content).toBe(expected.slice(0, 4).join(""));
    expect(choices[0]?.finish_reason).toBe("length");
  });

  it("is broken off in mid-stream: what was streamed stays, and the answer says how it ended", async () => {
    const other = await serve(await freshFolder(), "--tokens-per-second", "60");
    const server = await serveWith(environment(`${other.url}/v1`), await freshFolder());
    const events: Received[] = [];
    for await (const event of eventsOf(await post(server.url, "/chat", { id: "a", prompt }))) {
      events.push(event);
      if (textsOf(events).length === 5) await other.end("SIGKILL");
    }
    expect(events.at(-1)).toMatchObject({ event: "failed", data: { code: "MODEL_BROKE_OFF" } });
    const kept = await all(await fetch(`${server.url}/chat/a`));
    expect(textsOf(kept)).toEqual(expected.slice(0, textsOf(events).length));
    expect(textsOf(kept).length).toBeGreaterThanOrEqual(5);
    expect(kept.at(-1)).toMatchObject({ event: "failed", data: { code: "MODEL_BROKE_OFF" } });
  });

  it("is interrupted by a kill -9 of the server: the answer ends with WRITER_LOST", async () => {
    const other = await serve(await freshFolder(), "--tokens-per-second", "60");
    const dir = await freshFolder();
    const first = await serveWith(environment(`${other.url}/v1`), dir);
    const before: Received[] = [];
    for await (const event of eventsOf(await post(first.url, "/chat", { id: "a", prompt }))) {
      before.push(event);
      if (textsOf(before).length === 5) await first.end("SIGKILL");
    }
    const second = await serveWith(environment(`${other.url}/v1`), dir);
    const after = await all(await fetch(`${second.url}/chat/a`));
    expect(textsOf(after)).toEqual(expected.slice(0, textsOf(after).length));
    expect(textsOf(after).length).toBeGreaterThanOrEqual(5);
    expect(after.at(-1)).toMatchObject({ event: "failed", data: { code: "WRITER_LOST" } });
  });

  it("refuses: the answer fails with a code, and the key is told to nobody", async () => {
    const cases: [number, string, number][] = [
      [401, "MODEL_KEY_REFUSED", 502],
      [429, "MODEL_RATE_LIMITED", 429],
      [400, "MODEL_REFUSED", 400],
      [503, "MODEL_FAILED", 502],
    ];
    let status = 0;
    const baseUrl = await upstream((response) => refusing(status)(response));
    const server = await serveWith(environment(baseUrl), await freshFolder());
    for (const [refusal, code, told] of cases) {
      status = refusal;
      const id = `refused-${status}`;
      const events = await all(await post(server.url, "/chat", { id, prompt }));
      expect(events.map(({ event }) => event)).toEqual(["started", "failed"]);
      expect(events[1]?.data).toMatchObject({ code });

      const messages = [{ role: "user", content: prompt }];
      const completion = { model: "lazy-seeded", messages, stream: true };
      const response = await post(server.url, "/v1/chat/completions", completion);
      expect(response.status).toBe(told);
      const said = [
        JSON.stringify(events),
        await response.text(),
        await (await fetch(`${server.url}/v1/stream/${id}/reply`)).text(),
        JSON.stringify([...(await fetch(`${server.url}/v1/stream/${id}/reply`)).headers]),
        await (await fetch(`${server.url}/stats`)).text(),
        server.output(),
      ].join("\n");
      expect(said).toContain(code);
      expect(said).not.toContain(key);
    }
  });

  it("ends in good order before the model had finished: that is no whole answer", async () => {
    const baseUrl = await upstream((response) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.end(chunk("a part"));
    });
    const failure = tokensOf(baseUrl, { idleMs: 20_000 });
    await expect(failure).rejects.toMatchObject({ code: "MODEL_BROKE_OFF" });
  });

  it("tells an error within the stream, with the key in it", async () => {
    const baseUrl = await upstream((response) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.write(chunk("a part"));
      response.end(`data: {"error":{"message":"overloaded, ${key}"}}\n\n`);
    });
    const failure = tokensOf(baseUrl, { idleMs: 20_000 });
    await expect(failure).rejects.toMatchObject({ code: "MODEL_BROKE_OFF" });
    await expect(failure).rejects.toThrow("overloaded, [key]");
  });

  it("falls silent: the wait for it has an end", async () => {
    const baseUrl = await upstream((response) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.write(chunk("a part"));
    });
    await expect(tokensOf(baseUrl)).rejects.toMatchObject({ code: "MODEL_TIMED_OUT" });
  });

  it("is not there", async () => {
    const failure = tokensOf("http://127.0.0.1:9/v1", { idleMs: 20_000 });
    await expect(failure).rejects.toMatchObject({ code: "MODEL_UNREACHABLE" });
  });

  it("is let go of at once when the answer is stopped", async () => {
    const stop = new AbortController();
    let closed: Promise<unknown> | undefined;
    const baseUrl = await upstream((response) => {
      closed = once(response, "close");
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.write(chunk("a part"));
    });
    const stopped = tokensOf(baseUrl, {
      idleMs: 20_000,
      signal: stop.signal,
      onToken: () => stop.abort(new Error("stopped")),
    });
    await expect(stopped).rejects.toThrow("stopped");
    await Promise.race([
      closed,
      pause(10_000, undefined, { ref: false }).then(() => Promise.reject(new Error("held open"))),
    ]);
  });
});

it("refuses a model that is half named, without printing the key", async () => {
  const dir = await freshFolder();
  const cases = [
    { LLM_API_KEY: key },
    { LLM_BASE_URL: "file:///x", LLM_MODEL: "m", LLM_API_KEY: key },
    { LLM_BASE_URL: `http://me:${key}@127.0.0.1/v1`, LLM_MODEL: "m" },
  ];
  const told = await Promise.all(
    cases.map((env) => serveWith(env, dir).then(String, (error: Error) => error.message)),
  );
  for (const message of told) {
    expect(message).toContain("ended before it listened: LLM_BASE_URL");
    expect(message).not.toContain(key);
  }
});

it("refuses the shared session, which only the seeded generator can show", async () => {
  const env = environment("http://127.0.0.1:9/v1");
  const { url } = await serveWith(env, await freshFolder());
  const shared = await post(url, "/chat", { prompt, mode: "shared" });
  expect(shared.status).toBe(400);
  expect(await shared.json()).toMatchObject({ error: { code: "MODE_UNAVAILABLE" } });
  const storm = await post(url, "/storm", { sessions: 2 });
  expect(await storm.json()).toMatchObject({ error: { code: "STORM_UNAVAILABLE" } });
});

/** The texts of an answer straight from the model, which may be silent for 200 ms. */
async function tokensOf(
  baseUrl: string,
  {
    idleMs = 200,
    signal = new AbortController().signal,
    onToken,
  }: { idleMs?: number; signal?: AbortSignal; onToken?: () => void } = {},
): Promise<string[]> {
  const model = createUpstreamModel({ baseUrl, apiKey: key, model: "m", idleMs });
  const question = { messages: [{ role: "user" as const, content: prompt }] };
  const texts: string[] = [];
  for await (const { text } of model.answer(question, { from: 0, signal })) {
    texts.push(text);
    onToken?.();
  }
  return texts;
}
