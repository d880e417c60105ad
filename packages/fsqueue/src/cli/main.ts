import { readFile, stat } from "node:fs/promises";
import { parseArgs } from "node:util";
import { isQueueError } from "../errors.ts";
import type { Command } from "./command.ts";
import { compact } from "./compact.ts";
import { describe } from "./describe.ts";
import { listQueues } from "./list-queues.ts";
import { printMessages, printTail } from "./print-messages.ts";
import { UsageError, usage } from "./usage.ts";
import { verify } from "./verify.ts";

/** What the command line has to do with the outside. */
export interface Terminal {
  out(text: string | Uint8Array): void;
  error(text: string): void;
  /** Where a progress bar goes; undefined when that is no terminal. */
  readonly progress: NodeJS.WriteStream | undefined;
  /** Aborts on Ctrl-C. */
  readonly signal: AbortSignal;
}

const commands: Readonly<Record<string, (command: Command) => Promise<number>>> = {
  ls: listQueues,
  cat: printMessages,
  tail: printTail,
  info: describe,
  verify,
  compact,
};

/** Runs one command line; resolves with the exit code. */
export async function main(args: readonly string[], terminal: Terminal): Promise<number> {
  try {
    return await run(args, terminal);
  } catch (error) {
    if (error instanceof UsageError) {
      terminal.error(`lazy-queue: ${error.message}\n\n${usage}`);
      return 2;
    }
    const code = isQueueError(error) ? `${error.code}: ` : "";
    const message = error instanceof Error ? error.message : String(error);
    terminal.error(`lazy-queue: ${code}${message}\n`);
    return 1;
  }
}

async function run(args: readonly string[], terminal: Terminal): Promise<number> {
  const { values, positionals } = parse(args);
  const [verb, dir, name, ...more] = positionals;
  if (values.version === true) {
    terminal.out(`${await version()}\n`);
    return 0;
  }
  if (values.help === true || verb === "help") {
    terminal.out(usage);
    return 0;
  }
  if (verb === undefined) throw new UsageError("Which command?");
  const command = Object.hasOwn(commands, verb) ? commands[verb] : undefined;
  if (command === undefined) throw new UsageError(`There is no command ${JSON.stringify(verb)}.`);
  if (dir === undefined) throw new UsageError("Which folder?");
  if (more.length > 0) throw new UsageError(`${JSON.stringify(more[0])} is too much.`);
  if (!(await isFolder(dir))) throw new Error(`${dir} is no folder.`);
  return command({
    dir,
    name,
    json: values.json ?? false,
    raw: values.raw ?? false,
    follow: values.follow ?? false,
    from: values.from,
    limit: countOf(values.limit),
    signal: terminal.signal,
    print: (text) => terminal.out(text),
    progress: values.json === true ? undefined : terminal.progress,
  });
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        json: { type: "boolean" },
        raw: { type: "boolean" },
        follow: { type: "boolean", short: "f" },
        from: { type: "string" },
        limit: { type: "string", short: "n" },
        help: { type: "boolean", short: "h" },
        version: { type: "boolean", short: "v" },
      },
    });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error), { cause: error });
  }
}

function countOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const count = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(count)) return count;
  throw new UsageError(`--limit is a number, not ${JSON.stringify(text)}.`);
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch {
    return false;
  }
}

async function version(): Promise<string> {
  const manifest = await readFile(new URL("../../package.json", import.meta.url), "utf8");
  return (JSON.parse(manifest) as { version: string }).version;
}
