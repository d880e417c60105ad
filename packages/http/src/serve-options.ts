import { parseArgs } from "node:util";

/** What the command line of `lazy-serve` asks for. */
export interface ServeOptions {
  readonly dir: string;
  readonly port: number;
  readonly host: string;
  readonly durability: "written" | "synced";
  readonly base: string;
  readonly cors: readonly string[];
  readonly token: string | undefined;
  readonly verbose: boolean;
}

/** A mistake on the command line; its message is for the user. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** What `--help` prints. */
export const help = `lazy-serve: queues in a folder, over HTTP (Durable Streams and EventSource)

  lazy-serve --dir data --port 4437 --durability synced

  --dir FOLDER         where the queues are kept; created if missing (required)
  --port PORT          default 4437; 0 takes any free one
  --host ADDRESS       default 127.0.0.1
  --durability LEVEL   written: an acknowledged append survives the death of the process (default)
                       synced: a power cut as well
  --base PATH          path before the queue's name, default /v1/stream
  --cors ORIGIN        a page's origin that may use the queues; repeat it for several; "*" for all
  --open               on other addresses than the loopback: let everybody in without a token
  --verbose            a line for every request
  --help

LAZY_SERVE_TOKEN in the environment: requests must carry it as "Authorization: Bearer TOKEN".
SIGTERM and SIGINT end it gently: frames are finished, clients resume; a second one ends it at once.
`;

const shape = {
  dir: { type: "string" },
  port: { type: "string", default: "4437" },
  host: { type: "string", default: "127.0.0.1" },
  durability: { type: "string", default: "written" },
  base: { type: "string", default: "/v1/stream" },
  cors: { type: "string", multiple: true, default: [] as string[] },
  open: { type: "boolean", default: false },
  verbose: { type: "boolean", default: false },
  help: { type: "boolean", default: false },
} as const;

/** Reads the command line; undefined if it asks for help. Throws {@link UsageError}. */
export function readServeOptions(
  args: readonly string[],
  environment: NodeJS.ProcessEnv,
): ServeOptions | undefined {
  const values = parse(args);
  if (values.help) return undefined;
  const { dir, durability, host, base, cors, verbose } = values;
  if (dir === undefined) throw new UsageError("Say where the queues are kept: --dir FOLDER.");
  if (durability !== "written" && durability !== "synced") {
    throw new UsageError(`--durability is "written" or "synced", not "${durability}".`);
  }
  const port = /^\d{1,5}$/.test(values.port) ? Number(values.port) : Number.NaN;
  if (!(port <= 65_535)) {
    throw new UsageError(`--port is a number from 0 to 65535, not "${values.port}".`);
  }
  const token = environment["LAZY_SERVE_TOKEN"];
  if (!isLoopback(host) && !values.open && (token === undefined || token === "")) {
    throw new UsageError(
      `On ${host} everybody who can reach this machine could read and write every queue. Set LAZY_SERVE_TOKEN, or say --open if that is meant.`,
    );
  }
  return { dir, port, host, durability, base, cors, token, verbose };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: shape }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error), { cause: error });
  }
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || host.startsWith("127.");
}
