import { execFile } from "node:child_process";
import { access, mkdir, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { promisify } from "node:util";
import { workFolder } from "./scratch.ts";

/** As much of its types as is used here. */
export interface Database {
  pragma(source: string): unknown;
  exec(source: string): unknown;
  prepare<Row>(source: string): Statement<Row>;
  transaction<A extends unknown[]>(run: (...args: A) => void): (...args: A) => void;
  close(): void;
}

interface Statement<Row> {
  run(...values: unknown[]): unknown;
  /** Rows of one column as plain values. */
  pluck(): this;
  all(...values: unknown[]): Row[];
  iterate(...values: unknown[]): Iterable<Row>;
}

export type OpenDatabase = new (path: string) => Database;

/** Later ones bring binaries for Node 22 and up; this one is compiled, which takes a minute and a compiler. */
const major = Number.parseInt(process.versions.node, 10);
const compiled = major < 22;
const version = compiled ? "12.11.1" : "13.2.0";

/**
 * It is installed when it is first needed, not with the workspace, which must need no compiler. Rejects if
 * that fails, and in a smoke run if it would have to be compiled first.
 */
export async function loadBetterSqlite3({ smoke }: { smoke: boolean }): Promise<OpenDatabase> {
  const folder = join(workFolder, `better-sqlite3-${version}-node-${major}`);
  const complete = join(folder, "complete");
  if (!(await exists(complete))) {
    if (smoke && compiled) {
      throw new Error(`${version} has to be compiled first, which a run without --smoke does`);
    }
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, "package.json"), '{ "private": true }\n');
    const args = ["install", "--no-audit", "--no-fund", `better-sqlite3@${version}`];
    await promisify(execFile)("npm", args, { cwd: folder });
    await writeFile(complete, "");
  }
  return createRequire(`${folder}/`)("better-sqlite3") as OpenDatabase;
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch {
    return false;
  }
}

/** A table of messages, in a write-ahead log that is synced with each commit, or now and then. */
export function openMessageTable(
  Database: OpenDatabase,
  dir: string,
  durability: "written" | "synced",
): Database {
  const database = new Database(`${dir}/messages.sqlite`);
  database.pragma("journal_mode = WAL");
  database.pragma(`synchronous = ${durability === "synced" ? "FULL" : "NORMAL"}`);
  database.exec(
    "CREATE TABLE messages (stream INTEGER, sequence INTEGER, data BLOB NOT NULL, PRIMARY KEY (stream, sequence)) WITHOUT ROWID",
  );
  return database;
}
