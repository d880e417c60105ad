import { EventSourceParserStream } from "eventsource-parser/stream";
import type { Mode } from "../answers.ts";
import type { Token } from "../model.ts";

export interface Asked {
  readonly tokens: readonly Token[];
  /** Milliseconds from the request to the first token; undefined when none came. */
  readonly firstTokenMs?: number;
  /** Why the stream ended otherwise than with its `end` event. */
  readonly failure?: string;
}

/** Ask one prompt over a real HTTP request and collect what is streamed back. */
export async function ask(
  url: string,
  request: { prompt: string; mode: Mode },
  onToken: () => void,
): Promise<Asked> {
  const tokens: Token[] = [];
  const began = performance.now();
  let firstTokenMs: number | undefined;
  const result = (failure?: string): Asked => ({
    tokens,
    ...(firstTokenMs === undefined ? {} : { firstTokenMs }),
    ...(failure === undefined ? {} : { failure }),
  });
  try {
    const response = await fetch(new URL("/chat", url), {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(request),
    });
    if (!response.ok || !response.body)
      return result(`status ${response.status}: ${await response.text()}`);
    const events = response.body
      .pipeThrough(new TextDecoderStream())
      .pipeThrough(new EventSourceParserStream());
    for await (const { event, data } of events) {
      if (event === "token") {
        firstTokenMs ??= performance.now() - began;
        tokens.push(JSON.parse(data) as Token);
        onToken();
      } else if (event === "end") return result();
      else if (event === "failed") return result((JSON.parse(data) as { message: string }).message);
    }
    return result("the stream broke off");
  } catch (error) {
    const { message, cause } = error as Error;
    return result(cause instanceof Error ? `${message}: ${cause.message}` : message);
  }
}
