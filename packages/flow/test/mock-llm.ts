import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setImmediate as turn } from "node:timers/promises";

/** A server that speaks OpenAI's wire format and answers with the words of the prompt, one a chunk. */
export interface MockLlm extends AsyncDisposable {
  readonly baseURL: string;
  /** Requests whose client left before the end. */
  readonly left: number;
}

export async function startMockLlm(): Promise<MockLlm> {
  let left = 0;
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    let body = "";
    for await (const part of request.setEncoding("utf8")) body += part as string;
    if (request.method !== "POST" || request.url !== "/v1/chat/completions") {
      response.writeHead(404).end();
      return;
    }
    const { model, messages, stream } = JSON.parse(body) as {
      model: string;
      stream?: boolean;
      messages: { content: string | { text: string }[] }[];
    };
    const content = messages.at(-1)?.content ?? "";
    const prompt = typeof content === "string" ? content : content.map(({ text }) => text).join("");
    const words = prompt.match(/\S+\s*/g) ?? [];
    const base = { id: "chatcmpl-1", created: 1, model };
    if (prompt === "fail") {
      response.writeHead(400, { "content-type": "application/json" });
      response.end(JSON.stringify({ error: { message: "refused", type: "invalid", code: null } }));
      return;
    }
    if (stream !== true) {
      const message = { role: "assistant", content: prompt };
      const choices = [{ index: 0, message, finish_reason: "stop" }];
      response.writeHead(200, { "content-type": "application/json" });
      response.end(JSON.stringify({ ...base, object: "chat.completion", choices }));
      return;
    }
    response.writeHead(200, { "content-type": "text/event-stream" });
    const send = (delta: object, finish_reason: string | null): boolean => {
      const choices = [{ index: 0, delta, finish_reason }];
      const chunk = { ...base, object: "chat.completion.chunk", choices };
      return response.write(`data: ${JSON.stringify(chunk)}\n\n`);
    };
    send({ role: "assistant", content: "" }, null);
    for (let n = 0; prompt.startsWith("endless") || n < words.length; n += 1) {
      if (response.destroyed) {
        left += 1;
        return;
      }
      if (!send({ content: words[n % words.length] }, null)) {
        await Promise.race([once(response, "drain"), once(response, "close")]);
      }
      await turn();
    }
    send({}, "stop");
    response.end("data: [DONE]\n\n");
  };
  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => response.destroy(error as Error));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    baseURL: `http://127.0.0.1:${port}/v1`,
    get left() {
      return left;
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}
