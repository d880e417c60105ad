import { parseArgs } from "node:util";
import { openAnswers } from "./answers.ts";
import { createServer } from "./server.ts";

const usage = `usage: npm start -- [options]
  --port N               where to listen (default 3000, or PORT; 0: the system chooses)
  --host ADDRESS         default 127.0.0.1, or HOST
  --data FOLDER          where the queues are kept (default ./data, or DATA_DIR)
  --mode MODE            isolated (default), or shared: all answers in one session, to see the fault
  --tokens-per-second N  how fast the model speaks, 0 for as fast as it can (default 20)`;

try {
  await main();
} catch (error) {
  const { code, message } = error as Error & { code?: string };
  console.error(code === undefined ? message : `${code}: ${message}`);
  process.exitCode = 2;
}

async function main(): Promise<void> {
  const options = readOptions();
  if (!options) return;
  const answers = await openAnswers({
    dir: options.data,
    tokensPerSecond: options.tokensPerSecond,
  });
  const server = await createServer({ answers, mode: options.mode });
  let address: string;
  try {
    // 1,000 clients that connect in one moment would wait a second in the default queue of 511.
    address = await server.listen({ port: options.port, host: options.host, backlog: 4096 });
  } catch (error) {
    await answers.close();
    throw error;
  }
  console.log(`Listening on ${address}, queues in ${options.data}`);

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

function readOptions():
  | {
      port: number;
      host: string;
      data: string;
      mode: "isolated" | "shared";
      tokensPerSecond: number;
    }
  | undefined {
  const { env } = process;
  const { values } = parseArgs({
    options: {
      port: { type: "string", default: env["PORT"] ?? "3000" },
      host: { type: "string", default: env["HOST"] ?? "127.0.0.1" },
      data: { type: "string", default: env["DATA_DIR"] ?? "data" },
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
  if (values.mode !== "isolated" && values.mode !== "shared") {
    throw new TypeError(`--mode must be isolated or shared, not ${values.mode}\n${usage}`);
  }
  return { port, host: values.host, data: values.data, mode: values.mode, tokensPerSecond };
}
