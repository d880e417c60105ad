import { fork } from "node:child_process";
import { parseArgs } from "node:util";
import { type Question, type Row, answer, machine } from "./harness.ts";
import { printRow } from "./report.ts";

/** The questions by package; a package's file is loaded only when one of its questions is asked. */
const suites: Record<string, () => Promise<{ questions: readonly Question[] }>> = {
  context: () => import("./context/questions.ts"),
  flow: () => import("./flow/questions.ts"),
  fsqueue: () => import("./fsqueue/questions.ts"),
  http: () => import("./http/questions.ts"),
  redis: () => import("./redis/questions.ts"),
};

const { values: options, positionals: wanted } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: "boolean", default: false },
    smoke: { type: "boolean", default: false },
    list: { type: "boolean", default: false },
    child: { type: "string" },
  },
});

if (options.child) {
  const question = (await questions()).find(({ name }) => name === options.child);
  if (!question) throw new Error(`there is no question named ${options.child}`);
  process.send!(await answer(question, { smoke: options.smoke }));
} else {
  const asked = (await questions()).filter(
    ({ name }) => wanted.length === 0 || wanted.some((prefix) => name.startsWith(prefix)),
  );
  if (asked.length === 0 && wanted.length > 0) {
    console.error(`no question starts with ${wanted.join(" or ")}; --list shows all`);
    process.exitCode = 2;
  }
  if (options.list) asked.forEach(({ name }) => console.log(name));
  else await ask(asked);
}

async function questions(): Promise<Question[]> {
  const only = options.child?.split("/")[0];
  const loaded = await Promise.all(
    Object.entries(suites)
      .filter(([name]) => only === undefined || name === only)
      .map(([, load]) => load()),
  );
  return loaded.flatMap((suite) => suite.questions);
}

/** Usage: `bench [--smoke] [--json] [package/question …]`. Exits 1 when a question fails, never for a missed target. */
async function ask(asked: readonly Question[]): Promise<void> {
  if (!options.json) console.log(machine());
  for (const question of asked) {
    if (!options.json) console.log(`\n${question.name} (${question.unit})`);
    try {
      for (const row of await inOwnProcess(question)) {
        console.log(options.json ? JSON.stringify({ ...row, machine: machine() }) : printRow(row));
      }
    } catch (error) {
      console.error(`${question.name}: ${(error as Error).message}`);
      process.exitCode = 1;
    }
  }
}

function inOwnProcess(question: Question): Promise<Row[]> {
  return new Promise((resolve, reject) => {
    const child = fork(import.meta.filename, [
      `--child=${question.name}`,
      ...(options.smoke ? ["--smoke"] : []),
    ]);
    let rows: Row[] | undefined;
    child.once("message", (message) => {
      rows = message as Row[];
      // A rival that keeps a handle open must not keep the run waiting.
      child.kill();
    });
    child.once("error", reject);
    child.once("close", (code, signal) => {
      if (rows) resolve(rows);
      else reject(new Error(`ended without an answer (${signal ?? `exit code ${code}`})`));
    });
  });
}
