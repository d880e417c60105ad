import { Agent, request } from "node:http";
import { setTimeout } from "node:timers/promises";

/** Waits for a condition, which the test's own time limit bounds. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await setTimeout(1);
}

/** Posts a body and reads the answer; with `abortAfter` hangs up once that text has arrived. */
export function post(
  port: number,
  body: string,
  options: { agent?: Agent; abortAfter?: string; headers?: Record<string, string> } = {},
): Promise<{ status: number; body: string; aborted: boolean }> {
  const { agent, abortAfter, headers } = options;
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        port,
        host: "127.0.0.1",
        method: "POST",
        agent,
        headers: { "content-type": "text/x", ...headers },
      },
      (response) => {
        let text = "";
        const settle = (aborted: boolean): void =>
          resolve({ status: response.statusCode ?? 0, body: text, aborted });
        response.setEncoding("utf8");
        response.on("data", (chunk: string) => {
          text += chunk;
          if (abortAfter === undefined || !text.includes(abortAfter)) return;
          sent.destroy();
          settle(true);
        });
        response.on("end", () => settle(false));
        response.on("error", () => settle(true));
      },
    );
    sent.on("error", (error) => {
      if (!sent.destroyed) reject(error);
    });
    sent.end(body);
  });
}

/** Requests over two keep-alive sockets, every fourth hung up after its first token. */
export async function storm(
  port: number,
  count: number,
): Promise<{ mixed: number; aborted: number; whole: number }> {
  const agent = new Agent({ keepAlive: true, maxSockets: 2 });
  const result = { mixed: 0, aborted: 0, whole: 0 };
  await Promise.all(
    Array.from({ length: count }, async (_, i) => {
      const slow = i % 4 === 3;
      const user = `${slow ? "slow" : "user"}${i}`;
      const answer = await post(port, user, { agent, ...(slow && { abortAfter: `${user} 1` }) });
      if (answer.aborted) result.aborted++;
      else result.whole++;
      const users = new Set(answer.body.match(/(?:slow|user)\d+/g));
      if (users.size !== 1 || !users.has(user)) result.mixed++;
    }),
  );
  agent.destroy();
  return result;
}
