import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";

const packageDir = fileURLToPath(new URL("..", import.meta.url));
let dir: string;

/** Installs the built package, as npm would, into the node_modules of `dir/name`. */
async function install(name: string): Promise<string> {
  const to = join(dir, name, "node_modules/@lazy/context");
  await mkdir(to, { recursive: true });
  await cp(join(packageDir, "dist"), join(to, "dist"), { recursive: true });
  await cp(join(packageDir, "package.json"), join(to, "package.json"));
  const nanoid = dirname(createRequire(join(packageDir, "package.json")).resolve("nanoid"));
  await cp(nanoid, join(dir, name, "node_modules/nanoid"), { recursive: true, dereference: true });
  return to;
}

async function run(script: string): Promise<unknown> {
  const file = join(dir, "main.mjs");
  await writeFile(file, script);
  const { stdout } = await promisify(execFile)(process.execPath, [file]);
  return JSON.parse(stdout);
}

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "lazy-copies-"));
  await Promise.all([install("a"), install("b")]);
});
afterAll(() => rm(dir, { recursive: true }));

const url = (name: string): string =>
  pathToFileURL(join(dir, name, "node_modules/@lazy/context/dist/index.js")).href;

test("two installed copies share sessions, globals, bindings and errors", async () => {
  const result = await run(`
    import * as a from ${JSON.stringify(url("a"))};
    import * as b from ${JSON.stringify(url("b"))};
    const chatA = a.defineGlobals({ user: "", n: 0 }, { name: "chat", policy: { n: { fork: "reset", join: (p, c) => p + c } } });
    const chatB = b.defineGlobals({ n: 0, user: "" }, { name: "chat", policy: { n: { fork: "reset", join: (p, c) => p + c } } });
    const onlyB = b.defineGlobals({ x: 1 });
    const here = () => a.session.tryCurrent()?.id;
    const seen = { copies: a.session !== b.session };
    await a.session.run({ id: "s" }, async (s) => {
      seen.same = b.session.current() === s;
      chatA.user = "ada";
      seen.shared = chatB.user;
      seen.own = onlyB.x;
      b.session.fork(() => { chatB.n = 5; });
      s.fork(() => { chatB.n += 1; });
      b.session.run({ parent: s, id: "child" }, (child) => { seen.parent = child.parent === s; chatA.n = 10; });
      seen.joined = chatA.n;
      const stream = b.session.bind(function* () { yield here(); })();
      seen.bound = a.session.exit(() => [...stream]);
      seen.disposed = [];
      b.session.current().onDispose(() => { seen.disposed.push(here()); });
    });
    try { b.session.current(); } catch (error) { seen.error = [a.isSessionError(error, "SESSION_MISSING"), error instanceof a.SessionError]; }
    seen.live = [a.session.stats.live, b.session.stats.live];
    console.log(JSON.stringify(seen));
  `);
  expect(result).toEqual({
    copies: true,
    same: true,
    shared: "ada",
    own: 1,
    parent: true,
    joined: 16,
    bound: ["s"],
    disposed: ["s"],
    error: [true, false],
    live: [0, 0],
  });
});

test("a copy that cannot share says so when it is loaded", async () => {
  const registry = join(dir, "b/node_modules/@lazy/context/dist/registry.js");
  const built = await readFile(registry, "utf8");
  await writeFile(registry, built.replace("LAYOUT = 1", "LAYOUT = 2"));
  const result = await run(`
    import ${JSON.stringify(url("a"))};
    try { await import(${JSON.stringify(url("b"))}); } catch ({ code, message }) { console.log(JSON.stringify([code, message])); }
  `);
  await writeFile(registry, built);
  expect(result).toEqual(["COPY_CONFLICT", expect.stringContaining("npm ls @lazy/context")]);
});
