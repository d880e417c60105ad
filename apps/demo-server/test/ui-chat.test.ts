import {
  AbstractChat,
  type ChatState,
  DefaultChatTransport,
  type UIMessage,
  type UIMessageChunk,
  readUIMessageStream,
} from "ai";
import { expect, it } from "vitest";
import { answerTo } from "../src/seeded-model.ts";
import { all, freshFolder, post, serve, serveAll } from "./server-on-files.ts";

const prompt = "What does a chat in a browser make of it?";
const expected = answerTo(prompt).map(({ text }) => text);
const asked: UIMessage = { id: "u1", role: "user", parts: [{ type: "text", text: prompt }] };
const speed = ["--tokens-per-second", "60"];
const fast = serveAll("--tokens-per-second", "0");
const slow = serveAll(...speed);

function transportOf(url: string): DefaultChatTransport<UIMessage> {
  return new DefaultChatTransport({ api: `${url}/api/chat` });
}

function send(url: string, chatId: string): Promise<ReadableStream<UIMessageChunk>> {
  return transportOf(url).sendMessages({
    chatId,
    messages: [asked],
    trigger: "submit-message",
    messageId: undefined,
    abortSignal: undefined,
  });
}

async function textOf(stream: ReadableStream<UIMessageChunk>): Promise<string> {
  let text = "";
  for await (const chunk of stream) if (chunk.type === "text-delta") text += chunk.delta;
  return text;
}

/** What `useChat` is but for React: the SDK's chat over a state of one's own. */
class Chat extends AbstractChat<UIMessage> {
  constructor(url: string, id: string, messages: UIMessage[] = []) {
    const state: ChatState<UIMessage> = {
      status: "ready",
      error: undefined,
      messages,
      pushMessage: (message) => void state.messages.push(message),
      popMessage: () => void state.messages.pop(),
      replaceMessage: (index, message) => void (state.messages[index] = message),
      snapshot: (value) => structuredClone(value),
    };
    super({ id, state, transport: transportOf(url) });
  }
}

it("streams the parts of a message", async () => {
  const { url } = fast;
  const chunks: UIMessageChunk[] = [];
  for await (const chunk of await send(url, "c1")) chunks.push(chunk);
  expect(chunks.map(({ type }) => type)).toEqual([
    "start",
    "start-step",
    "text-start",
    ...expected.map(() => "text-delta"),
    "text-end",
    "finish-step",
    "finish",
  ]);

  const response = await post(url, "/api/chat", { id: "c1", messages: [asked] });
  expect(response.headers.get("x-vercel-ai-ui-message-stream")).toBe("v1");
  expect((await response.text()).endsWith("data: [DONE]\n\n")).toBe(true);
});

it("resumes a running answer from its start, and answers 204 when nothing runs", async () => {
  const { url } = slow;
  const transport = transportOf(url);
  expect(await transport.reconnectToStream({ chatId: "c2" })).toBeNull();
  const reader = (await send(url, "c2")).getReader();
  for (let chunks = 0; chunks < 8; chunks++) await reader.read();
  await reader.cancel();

  const resumed = await transport.reconnectToStream({ chatId: "c2" });
  let last: UIMessage | undefined;
  for await (const message of readUIMessageStream({ stream: resumed! })) last = message;
  expect(last?.role).toBe("assistant");
  expect(last?.parts.find(({ type }) => type === "text")).toMatchObject({
    text: expected.join(""),
    state: "done",
  });
  expect(await transport.reconnectToStream({ chatId: "c2" })).toBeNull();
});

it("resumes after a kill -9, and the message is an answer like all others", async () => {
  const dir = await freshFolder();
  const first = await serve(dir, ...speed);
  const reader = (await send(first.url, "c3")).getReader();
  let id: string | undefined;
  for (let chunks = 0; chunks < 8; chunks++) {
    const { value } = await reader.read();
    if (value?.type === "start") id = value.messageId;
  }
  await first.end("SIGKILL");
  await reader.cancel().catch(() => {});

  const second = await serve(dir, ...speed);
  const resumed = await transportOf(second.url).reconnectToStream({ chatId: "c3" });
  expect(await textOf(resumed!)).toBe(expected.join(""));
  const events = await all(await fetch(`${second.url}/chat/${id}`));
  expect(events.filter(({ event }) => event === "token")).toHaveLength(expected.length);
});

it("keeps two conversations at once apart, each with the answer to its latest message", async () => {
  const { url } = slow;
  const chats = ["one", "two"].map((id) => new Chat(url, id));
  await Promise.all(chats.map((chat) => chat.sendMessage({ text: `First of ${chat.id}` })));
  await Promise.all(chats.map((chat) => chat.sendMessage({ text: `Second of ${chat.id}` })));
  for (const chat of chats) {
    const texts = chat.messages.map(({ parts }) =>
      parts.map((part) => (part.type === "text" ? part.text : "")).join(""),
    );
    const answers = ["First", "Second"].flatMap((which) => {
      const question = `${which} of ${chat.id}`;
      return [
        question,
        answerTo(question)
          .map(({ text }) => text)
          .join(""),
      ];
    });
    expect(texts).toEqual(answers);
    expect(chat.status).toBe("ready");
  }
});

it("a chat that was reloaded takes up the latest answer, and finds it whole once it has ended", async () => {
  const { url } = slow;
  const before = new Chat(url, "c5");
  await before.sendMessage({ text: "What came before?" });
  const sent = before.sendMessage({ text: prompt });
  await expect.poll(() => before.status).toBe("streaming");
  await before.stop();
  await sent;

  const messagesOf = async (): Promise<UIMessage[]> =>
    ((await (await fetch(`${url}/api/chat/c5`)).json()) as { messages: UIMessage[] }).messages;
  const after = new Chat(url, "c5", await messagesOf());
  await after.resumeStream();
  expect(after.messages.map(({ role }) => role)).toEqual([
    "user",
    "assistant",
    "user",
    "assistant",
  ]);
  expect(after.messages[3]?.parts.at(-1)).toMatchObject({ text: expected.join("") });

  const stored = await messagesOf();
  expect(stored[3]).toMatchObject({ id: after.messages[3]?.id });
  expect(stored[3]?.parts).toEqual([{ type: "text", text: expected.join("") }]);
});

it("stops an answer at an address of its own, and says so", async () => {
  const { url } = slow;
  const chunks: UIMessageChunk[] = [];
  for await (const chunk of await send(url, "c6")) {
    chunks.push(chunk);
    if (chunks.length === 8) await fetch(`${url}/api/chat/c6/stream`, { method: "DELETE" });
  }
  expect(chunks.at(-1)).toEqual({ type: "abort" });
  const again = await fetch(`${url}/api/chat/c6/stream`, { method: "DELETE" });
  expect(again.status).toBe(404);
});

it("answers bad input with a code", async () => {
  const { url } = fast;
  const file = { type: "file", mediaType: "image/png", url: "data:," };
  const cases: [unknown, string][] = [
    [{}, "FST_ERR_VALIDATION"],
    [{ id: "../x", messages: [asked] }, "FST_ERR_VALIDATION"],
    [{ id: "c7", messages: [{ ...asked, parts: [] }] }, "MESSAGES_INVALID"],
    [{ id: "c7", messages: [{ ...asked, parts: [file] }] }, "CONTENT_UNSUPPORTED"],
  ];
  for (const [body, code] of cases) {
    const response = await post(url, "/api/chat", body);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: { code } });
  }
  expect((await fetch(`${url}/api/chat/none`)).status).toBe(404);
});
