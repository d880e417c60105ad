import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { SingleBar } from "cli-progress";
import type { Mode } from "./answers.ts";
import { answerTo } from "./seeded-model.ts";
import { ask } from "./storm/ask.ts";
import { type Faults, addFaults, isFaultless, judge, noFaults } from "./storm/judge.ts";
import { promptsFromDocumentation } from "./storm/prompts.ts";
import { startServerProcess } from "./storm/server-process.ts";

const usage = `usage: npm run storm -- [options]
  --sessions N           how many answers to ask for at once (default 200)
  --mode MODE            isolated (default), or shared: all in one session, to see the fault
  --tokens-per-second N  how fast the model speaks, 0 for as fast as it can (default 100)
  --url URL              a server already running; without it one is started for the storm
  --json                 print one line of JSON instead of a report
Exits 1 when a message was foreign, missing, duplicated or out of order, 2 when it could not run.`;

interface Options {
  readonly sessions: number;
  readonly mode: Mode;
  readonly tokensPerSecond: string;
  readonly url: string | undefined;
  readonly json: boolean;
}

/** What `--json` prints. Tokens are counted over all answers. */
interface Result extends Faults {
  readonly mode: Mode;
  readonly sessions: number;
  readonly expected: number;
  readonly received: number;
  /** Answers whose stream did not end as it should. */
  readonly failed: number;
  readonly seconds: number;
  readonly firstTokenMs: { readonly p50: number; readonly p99: number };
}

try {
  const options = readOptions();
  if (options) await storm(options);
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 2;
}

async function storm(options: Options): Promise<void> {
  const { sessions, mode, json } = options;
  const prompts = await promptsFromDocumentation(sessions);
  const expected = prompts.map((prompt) => answerTo(prompt));
  const total = expected.reduce((sum, tokens) => sum + tokens.length, 0);
  const bar = new SingleBar({
    format: "{bar} {percentage} % | {value}/{total} tokens | {duration_formatted}",
    hideCursor: true,
    stream: process.stderr,
    noTTYOutput: false,
  });

  const server =
    options.url === undefined
      ? await ownServer(options)
      : { url: options.url, end: async () => {} };
  try {
    if (!json) bar.start(total, 0);
    const began = performance.now();
    const asked = await Promise.all(
      prompts.map((prompt) => ask(server.url, { prompt, mode }, () => bar.increment())),
    );
    const seconds = (performance.now() - began) / 1000;
    bar.stop();

    const faults = asked
      .map(({ tokens }, index) => judge(expected[index]!, tokens))
      .reduce(addFaults, noFaults);
    const failures = asked.flatMap(({ failure }) => failure ?? []);
    const firstTokens = asked
      .flatMap(({ firstTokenMs }) => firstTokenMs ?? [])
      .toSorted((a, b) => a - b);
    const result: Result = {
      mode,
      sessions,
      expected: total,
      received: asked.reduce((sum, { tokens }) => sum + tokens.length, 0),
      ...faults,
      failed: failures.length,
      seconds: Number(seconds.toFixed(2)),
      firstTokenMs: { p50: percentile(firstTokens, 0.5), p99: percentile(firstTokens, 0.99) },
    };
    if (json) console.log(JSON.stringify(result));
    else report(result, failures);
    process.exitCode = isFaultless(faults) && failures.length === 0 ? 0 : 1;
  } finally {
    bar.stop();
    await server.end();
  }
}

function report(result: Result, failures: readonly string[]): void {
  console.log(`${result.sessions} answers at once, ${result.mode} sessions, ${result.seconds} s`);
  for (const name of [
    "expected",
    "received",
    "foreign",
    "missing",
    "duplicated",
    "disordered",
    "failed",
  ] as const) {
    console.log(`  ${name.padEnd(10)} ${String(result[name]).padStart(9)}`);
  }
  const { p50, p99 } = result.firstTokenMs;
  console.log(`  first token after ${p50} ms (p50), ${p99} ms (p99)`);
  for (const failure of new Set(failures)) console.log(`  failed: ${failure}`);
}

/** A server in a process and a folder of its own, both gone after the storm. */
async function ownServer({
  tokensPerSecond,
}: Options): Promise<{ url: string; end(): Promise<void> }> {
  const dir = await mkdtemp(join(tmpdir(), "lazy-storm-"));
  const server = await startServerProcess(["--data", dir, "--tokens-per-second", tokensPerSecond]);
  return {
    url: server.url,
    async end() {
      await server.end("SIGTERM");
      await rm(dir, { recursive: true });
    },
  };
}

function readOptions(): Options | undefined {
  const { values } = parseArgs({
    options: {
      sessions: { type: "string", default: "200" },
      mode: { type: "string", default: "isolated" },
      "tokens-per-second": { type: "string", default: "100" },
      url: { type: "string" },
      json: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    console.log(usage);
    return undefined;
  }
  const sessions = Number(values.sessions);
  if (!Number.isSafeInteger(sessions) || sessions < 1) {
    throw new TypeError(
      `--sessions must be a whole number from 1, not ${values.sessions}\n${usage}`,
    );
  }
  if (values.mode !== "isolated" && values.mode !== "shared") {
    throw new TypeError(`--mode must be isolated or shared, not ${values.mode}\n${usage}`);
  }
  if (values.url !== undefined && !URL.canParse(values.url)) {
    throw new TypeError(
      `--url must be an address like http://127.0.0.1:3000, not ${values.url}\n${usage}`,
    );
  }
  return {
    sessions,
    mode: values.mode,
    tokensPerSecond: values["tokens-per-second"],
    url: values.url,
    json: values.json,
  };
}

function percentile(sorted: readonly number[], part: number): number {
  return Math.round(sorted[Math.floor((sorted.length - 1) * part)] ?? 0);
}
