import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { StringOutputParser } from "@langchain/core/output_parsers";
import { ChatPromptTemplate } from "@langchain/core/prompts";
import { RunnableLambda } from "@langchain/core/runnables";
import { FakeListChatModel } from "@langchain/core/utils/testing";
import { session } from "@lazy/context";
import { flow } from "@lazy/flow";
import { streamText } from "ai";
import OpenAI from "openai";
import { afterAll, beforeAll, describe, expect, expectTypeOf, it, vi } from "vitest";
import { type MockLlm, startMockLlm } from "./mock-llm.ts";

let llm: MockLlm;
beforeAll(async () => {
  llm = await startMockLlm();
});
afterAll(() => llm[Symbol.asyncDispose]());

describe("openai", () => {
  const chat = flow<string>("chat")
    .step("llm", (q, { signal }) =>
      new OpenAI({ baseURL: llm.baseURL, apiKey: "none", maxRetries: 0 }).chat.completions.create(
        { model: "mock", stream: true, messages: [{ role: "user", content: q }] },
        { signal },
      ),
    )
    .each("token", (chunk) => chunk.choices[0]?.delta.content ?? "");

  it("streams tokens, typed", async () => {
    expectTypeOf(chat.call("")).toEqualTypeOf<Promise<string[]>>();
    const tokens = await chat.stream("one two three").toArray();
    expect(tokens.filter((token) => token !== "")).toEqual(["one ", "two ", "three"]);
  });

  it("a failed request names the step and keeps the client's error as cause", async () => {
    const error: unknown = await chat.run("fail").catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ path: ["chat", "llm"], cause: { status: 400 } });
  });

  it("leaving the stream ends the request", async () => {
    const before = llm.left;
    let count = 0;
    for await (const token of chat.stream("endless words")) {
      count += token.length;
      if (count > 20) break;
    }
    await vi.waitFor(() => expect(llm.left).toBe(before + 1));
  });
});

describe("ai", () => {
  const text = (q: string, signal: AbortSignal) =>
    streamText({
      model: createOpenAICompatible({ name: "mock", baseURL: llm.baseURL })("mock"),
      prompt: q,
      abortSignal: signal,
      maxRetries: 0,
      onError: () => undefined,
    });
  // textStream ends silently when the request fails; fullStream says so.
  const chat = flow<string>("chat")
    .step("llm", (q, { signal }) => text(q, signal).fullStream)
    .through("token", async function* (parts) {
      for await (const part of parts) {
        if (part.type === "error") throw part.error;
        if (part.type === "text-delta") yield part.text;
      }
    });

  it("streams tokens, typed", async () => {
    expectTypeOf(chat.call("")).toEqualTypeOf<Promise<string[]>>();
    expect(await chat.stream("one two three").toArray()).toEqual(["one ", "two ", "three"]);
    const plain = flow<string>().step((q, { signal }) => text(q, signal).textStream);
    expect((await plain.call("one two")).join("")).toBe("one two");
  });

  it("a failed request fails the run", async () => {
    await expect(chat.run("fail")).rejects.toMatchObject({ path: ["chat", "token"] });
  });

  it("leaving the stream ends the request", async () => {
    const before = llm.left;
    const iterator = chat.stream("endless words")[Symbol.asyncIterator]();
    await iterator.next();
    await iterator.return?.();
    await vi.waitFor(() => expect(llm.left).toBe(before + 1));
  });
});

describe("@langchain/core", () => {
  const prompt = ChatPromptTemplate.fromTemplate("Say {word}");
  const model = new FakeListChatModel({ responses: ["hello there"] });
  const chain = prompt.pipe(model).pipe(new StringOutputParser());

  it("a runnable is a step by its invoke", async () => {
    const upper = RunnableLambda.from((word: string) => word.toUpperCase());
    const said = flow<string>()
      .step("upper", (word, { signal }) => upper.invoke(word, { signal }))
      .step("model", (word, { signal }) => chain.invoke({ word }, { signal }));
    expectTypeOf(said.call("")).toEqualTypeOf<Promise<string>>();
    expect(await said.call("hi")).toBe("hello there");
  });

  it("a runnable is a stream by its stream", async () => {
    const said = flow<string>()
      .step("model", (word, { signal }) => chain.stream({ word }, { signal }))
      .each((token) => token.toUpperCase());
    expectTypeOf(said.call("")).toEqualTypeOf<Promise<string[]>>();
    expect((await said.call("hi")).join("")).toBe("HELLO THERE");
  });

  it("a flow is a runnable", async () => {
    const double = flow<number>().step(async (n) => n * 2);
    const runnable = RunnableLambda.from((n: number) => double.call(n));
    expect(await runnable.invoke(4)).toBe(8);
  });
});

describe("Fetch Response", () => {
  const letters = flow<number>().step("letters", async function* (n) {
    for (let i = 0; i < n; i += 1) yield `${session.current().id}${i} `;
  });
  const respond = (n: number): Response =>
    new Response(letters.stream(n).toReadable().pipeThrough(new TextEncoderStream()));

  it("a flow is the body of a Response, and its session lives until that is read", async () => {
    let own: { disposed: boolean } | undefined;
    const response = session.run({ id: "s" }, (opened) => {
      own = opened;
      return respond(3);
    });
    expect(own?.disposed).toBe(false);
    expect(await response.text()).toBe("s0 s1 s2 ");
    await vi.waitFor(() => expect(own?.disposed).toBe(true));
  });

  it("cancelling the body ends the flow", async () => {
    let closed = false;
    const endless = flow().step(async function* () {
      try {
        for (;;) yield "x";
      } finally {
        closed = true;
      }
    });
    const response = new Response(
      endless.stream().toReadable().pipeThrough(new TextEncoderStream()),
    );
    const reader = response.body!.getReader();
    await reader.read();
    await reader.cancel();
    await vi.waitFor(() => expect(closed).toBe(true));
  });

  it("the body of a fetched Response is a stream", async () => {
    const lines = flow<Response>()
      .step("body", (response) => response.body!.pipeThrough(new TextDecoderStream()))
      .collect((parts) => parts.join("").split("\n"));
    expect(await lines.call(new Response("a\nb"))).toEqual(["a", "b"]);
  });
});
