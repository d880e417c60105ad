import { parseArgs } from "node:util";
import type { Store } from "@lazy/fsqueue";
import { openAnswers } from "./answers.ts";
import type { Model } from "./model.ts";
import { createSeededModel } from "./seeded-model.ts";
import { createServer } from "./server.ts";

const usage = `usage: npm start -- [options]
  --port N               where to listen (default 3000, or PORT; 0: the system chooses)
  --host ADDRESS         default 127.0.0.1, or HOST
  --data FOLDER          where the queues are kept (default ./data, or DATA_DIR)
  --redis URL            keep them in Redis instead, for any number of servers (or REDIS_URL)
  --lease-ms N           there: how long a silent server counts as alive (default 15000)
  --mode MODE            isolated (default), or shared: all answers in one session, to see the fault
  --tokens-per-second N  how fast the seeded generator speaks, 0 for as fast as it can (default 20)
A model in place of the seeded generator, from the environment:
  LLM_BASE_URL           a server that speaks OpenAI's chat completions, as http://127.0.0.1:11434/v1
  LLM_MODEL              the name of the model there
  LLM_API_KEY            its key, if it wants one`;

try {
  await main();
} catch (error) {
  const { code, message } = error as Error & { code?: string };
  console.error(code === undefined ? message : `${code}: ${message}`);
  process.exitCode = 2;
}

async function main(): Promise<void> {
  const options = await readOptions();
  if (!options) return;
  const { model, data, redis, leaseMs } = options;
  const answers = await openAnswers(
    redis === undefined ? { model, dir: data } : { model, store: await openRedis(redis, leaseMs) },
  );
  const server = await createServer({ answers, mode: options.mode });
  let address: string;
  try {
    // 1,000 clients that connect in one moment would wait a second in the default queue of 511.
    address = await server.listen({ port: options.port, host: options.host, backlog: 4096 });
  } catch (error) {
    await answers.close();
    throw error;
  }
  const where = redis === undefined ? data : `Redis at ${redis.host}`;
  console.log(`Listening on ${address}, queues in ${where}, answers by ${model.name}`);

  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => {
      void server
        .close()
        .then(() => answers.close())
        .then(
          () => process.exit(0),
          (error: unknown) => {
            console.error(error);
            process.exit(1);
          },
        );
    });
  }
}

interface Options {
  readonly port: number;
  readonly host: string;
  readonly data: string;
  /** Undefined: in the folder. */
  readonly redis: URL | undefined;
  readonly leaseMs: number;
  readonly mode: "isolated" | "shared";
  readonly model: Model;
}

async function readOptions(): Promise<Options | undefined> {
  const { env } = process;
  const { values } = parseArgs({
    options: {
      port: { type: "string", default: env["PORT"] ?? "3000" },
      host: { type: "string", default: env["HOST"] ?? "127.0.0.1" },
      data: { type: "string", default: env["DATA_DIR"] ?? "data" },
      redis: { type: "string", default: env["REDIS_URL"] ?? "" },
      "lease-ms": { type: "string", default: "15000" },
      mode: { type: "string", default: "isolated" },
      "tokens-per-second": { type: "string", default: "20" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    console.log(usage);
    return undefined;
  }
  const port = Number(values.port);
  const tokensPerSecond = Number(values["tokens-per-second"]);
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new TypeError(`--port must be from 0 to 65535, not ${values.port}\n${usage}`);
  }
  if (!(tokensPerSecond >= 0)) {
    throw new TypeError(
      `--tokens-per-second must be 0 or more, not ${values["tokens-per-second"]}\n${usage}`,
    );
  }
  const leaseMs = Number(values["lease-ms"]);
  if (!Number.isInteger(leaseMs) || leaseMs < 100) {
    throw new TypeError(`--lease-ms must be 100 or more, not ${values["lease-ms"]}\n${usage}`);
  }
  if (values.mode !== "isolated" && values.mode !== "shared") {
    throw new TypeError(`--mode must be isolated or shared, not ${values.mode}\n${usage}`);
  }
  const redis = values.redis === "" ? undefined : redisUrl(values.redis);
  const model = (await upstreamModel()) ?? createSeededModel({ tokensPerSecond });
  if (values.mode === "shared" && !model.seeded) {
    throw new TypeError(`--mode shared only works without LLM_BASE_URL\n${usage}`);
  }
  if (values.mode === "shared" && redis !== undefined) {
    throw new TypeError(`--mode shared only works without --redis\n${usage}`);
  }
  return { port, host: values.host, data: values.data, redis, leaseMs, mode: values.mode, model };
}

/** The password in it stays out of every message. */
function redisUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^rediss?:$/.test(url.protocol) || url.host === "") {
    throw new TypeError(`--redis must be an address such as redis://127.0.0.1:6379\n${usage}`);
  }
  return url;
}

/** Its client takes a while to load, and most do without. */
async function openRedis(url: URL, leaseMs: number): Promise<Store> {
  const { openRedisStore } = await import("@lazy/redis");
  return openRedisStore({ url: url.href, leaseMs });
}

/** The model that the environment names. The key stays out of every message. */
async function upstreamModel(): Promise<Model | undefined> {
  const { LLM_BASE_URL: baseUrl, LLM_MODEL: model, LLM_API_KEY: apiKey } = process.env;
  if (!baseUrl && !model && !apiKey) return undefined;
  if (!baseUrl || !model) {
    throw new TypeError(`LLM_BASE_URL and LLM_MODEL go together; one of them is missing\n${usage}`);
  }
  const url = URL.canParse(baseUrl) ? new URL(baseUrl) : undefined;
  if (!url || !/^https?:$/.test(url.protocol) || url.username || url.password) {
    throw new TypeError(
      `LLM_BASE_URL must be an http or https address without a name and password in it\n${usage}`,
    );
  }
  // Its client is a third of the time a start takes, and seldom needed.
  const { createUpstreamModel } = await import("./upstream-model.ts");
  return createUpstreamModel({ baseUrl, apiKey: apiKey || undefined, model });
}
