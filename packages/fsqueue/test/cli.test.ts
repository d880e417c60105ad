import { execFile } from "node:child_process";
import { mkdtemp, open, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { openQueues } from "@lazy/fsqueue";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
// The command line is no export of the package; it is tested where it stands.
import { main } from "../src/cli/main.ts";

// Longer than they take, for machines that have much else to do.

let dir = "";

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "fsqueue-cli-"));
});

afterEach(() => rm(dir, { recursive: true }));

async function lazyQueue(...args: string[]) {
  return onTerminal(undefined, ...args);
}

async function onTerminal(progress: NodeJS.WriteStream | undefined, ...args: string[]) {
  const aborter = new AbortController();
  const chunks: Buffer[] = [];
  let error = "";
  const code = await main(args, {
    out: (text) => chunks.push(Buffer.from(text)),
    error: (text) => (error += text),
    progress,
    signal: aborter.signal,
  });
  return { code, out: Buffer.concat(chunks).toString(), error };
}

async function fill() {
  await using queues = await openQueues({ dir });
  const reply = queues.session("ada").queue("reply", { metadata: { type: "chat" } });
  await reply.enqueueMany([{ delta: "Hi" }, { delta: "du" }]);
  await reply.seal();
  const trace = queues.session("日本").queue<number>("trace");
  for (let i = 0; i < 12; i++) await trace.enqueue(i);
  const broken = queues.session("ada").queue("broken");
  await broken.enqueue("x");
  await broken.seal({ status: "error", name: "RangeError", message: "too far", code: "FAR" });
}

describe("lazy-queue", () => {
  test("ls shows the queues as an aligned table, or one JSON document a line", async () => {
    await fill();
    const { code, out } = await lazyQueue("ls", dir);
    expect(code).toBe(0);
    const lines = out.split("\n").map((line) => line.replace(/\d{4}-.*$/, "TIME"));
    expect(lines).toEqual([
      "QUEUE       MESSAGES  SIZE  STATE      CREATED",
      "ada/broken         1   3 B  error FAR  TIME",
      "ada/reply          2  28 B  ok         TIME",
      "日本/trace        12  14 B  open       TIME",
      "",
    ]);
    const json = await lazyQueue("ls", dir, "ada/", "--json");
    const infos = json.out
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { name: string });
    expect(infos.map((info) => info.name)).toEqual(["ada/broken", "ada/reply"]);
  });

  test("ls of an empty folder says so", async () => {
    expect((await lazyQueue("ls", dir)).out).toBe("no queues\n");
  });

  test("cat prints the messages: with offsets, as JSON, or raw", async () => {
    await fill();
    const { out } = await lazyQueue("cat", dir, "ada/reply");
    expect(out).toMatch(/^\S+ {2}\{"delta":"Hi"\}\n\S+ {2}\{"delta":"du"\}\n$/);
    const [offset] = out.split(" ");
    const rest = await lazyQueue("cat", dir, "ada/reply", "--from", offset ?? "", "--json");
    expect(JSON.parse(rest.out)).toMatchObject({
      value: { delta: "du" },
      time: expect.any(Number),
    });
    expect((await lazyQueue("cat", dir, "日本/trace", "--raw")).out).toBe("01234567891011");
    const limited = await lazyQueue("cat", dir, "日本/trace", "--raw", "-n", "3");
    expect(limited.out).toBe("012");
  });

  test("cat shows text as text and other bytes as base64", async () => {
    await using queues = await openQueues({ dir });
    await queues.store.open("raw");
    await queues.store.append("raw", [Buffer.from("plain"), Uint8Array.of(0, 255)]);
    await queues.store.open("escape");
    await queues.store.append("escape", [Buffer.from("two\nlines \u001b[31m\u009b")]);
    expect((await lazyQueue("cat", dir, "escape")).out).toMatch(
      /^\S+ {2}two\\nlines \\u001b\[31m\uFFFD\n$/,
    );
    const { out } = await lazyQueue("cat", dir, "raw", "--json");
    const values = out
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as object);
    expect(values).toMatchObject([{ text: "plain" }, { base64: "AP8=" }]);
  });

  test("tail prints the last messages", async () => {
    await fill();
    expect((await lazyQueue("tail", dir, "日本/trace", "--raw", "-n", "4")).out).toBe("891011");
    expect((await lazyQueue("tail", dir, "日本/trace", "--raw")).out).toBe("234567891011");
  });

  test("tail -f follows a live writer until the queue ends", async () => {
    await using queues = await openQueues({ dir });
    const queue = queues.session("s").queue<number>("q");
    await queue.enqueue(1);
    const following = lazyQueue("tail", dir, "s/q", "-f", "--raw");
    for (let i = 2; i < 6; i++) await queue.enqueue(i);
    await queue.seal();
    expect(await following).toEqual({ code: 0, out: "12345", error: "" });
  });

  test("tail -f of a queue that ended badly fails and says how", async () => {
    await fill();
    const { code, error } = await lazyQueue("tail", dir, "ada/broken", "-f", "--raw");
    expect(code).toBe(1);
    expect(error).toBe(
      'lazy-queue: TAIL_ENDED: The queue "ada/broken" failed: RangeError: too far\n',
    );
  });

  test("info describes the folder, or a queue", async () => {
    await fill();
    expect(JSON.parse((await lazyQueue("info", dir, "--json")).out)).toMatchObject({
      queues: 3,
      messages: 15,
    });
    const { out } = await lazyQueue("info", dir, "ada/reply");
    expect(out).toMatch(/^queue {2,}ada\/reply$/m);
    expect(out).toMatch(/^state {2,}ok$/m);
    expect(out).toMatch(/^metadata type {2,}chat$/m);
    const json = JSON.parse((await lazyQueue("info", dir, "ada/broken", "--json")).out) as object;
    expect(json).toMatchObject({ ending: { code: "FAR" }, messages: 1 });
  });

  test("verify finds nothing wrong in a whole folder, and names damage", async () => {
    await fill();
    const good = await lazyQueue("verify", dir);
    expect(good).toMatchObject({ code: 0, error: "" });
    expect(good.out).toMatch(/15 messages\n[\s\S]*every checksum is right\n$/);
    const file = (await readdir(dir, { recursive: true })).find((name) => name.endsWith(".seg"));
    const path = join(dir, file ?? "");
    const handle = await open(path, "r+");
    const at = 200;
    const { buffer } = await handle.read(Buffer.alloc(1), 0, 1, at);
    await handle.write(Buffer.from([(buffer[0] ?? 0) ^ 1]), 0, 1, at);
    await handle.close();
    const bad = await lazyQueue("verify", dir, "--json");
    expect(bad.code).toBe(1);
    const { damage } = JSON.parse(bad.out) as { damage: { offset: number; length: number }[] };
    expect(damage).toMatchObject([{ path, segment: 1, lane: 1 }]);
    const [{ offset, length } = { offset: 0, length: 0 }] = damage;
    expect(offset <= at && at < offset + length).toBe(true);
    expect((await lazyQueue("verify", dir)).out).toContain("DAMAGED");
  });

  test("a bar shows how far long work is, where somebody can see it", async () => {
    await fill();
    const screen = Object.assign(new PassThrough(), { isTTY: true, columns: 80 });
    const terminal = screen as unknown as NodeJS.WriteStream;
    expect(await onTerminal(terminal, "verify", dir)).toMatchObject({ code: 0 });
    expect(shownOn(screen)).toMatch(/[█░]+ \d+% of [\d.]+ (B|KiB), /);
    expect(await onTerminal(terminal, "compact", dir)).toMatchObject({ code: 0 });
    shownOn(screen);
    await onTerminal(terminal, "verify", dir, "--json");
    expect(shownOn(screen)).toBe("");
  });

  test("compact tells the size before and after, and is refused while a process writes", async () => {
    await fill();
    {
      await using queues = await openQueues({ dir });
      const queue = queues.session("s").queue<string>("large");
      for (let i = 0; i < 20; i++) await queue.enqueue("x".repeat(10_000));
      await queue.dequeue(15);
    }
    const { code, out } = await lazyQueue("compact", dir, "--json");
    expect(code).toBe(0);
    const { before, after } = JSON.parse(out) as { before: number; after: number };
    expect(before).toBeGreaterThan(200_000);
    expect(after).toBeLessThan(70_000);
    expect((await lazyQueue("verify", dir)).code).toBe(0);
    expect((await lazyQueue("cat", dir, "s/large", "--raw")).out.length).toBe(5 * 10_002);
    expect((await lazyQueue("cat", dir, "日本/trace", "--raw")).out).toBe("01234567891011");
    await using queues = await openQueues({ dir });
    const refused = await lazyQueue("compact", dir);
    await queues.flush();
    expect(refused.code).toBe(1);
    expect(refused.error).toContain("FOLDER_IN_USE");
  });

  test("what is not there is an error on stderr, exit code 1", async () => {
    const { code, out, error } = await lazyQueue("cat", dir, "nowhere");
    expect({ code, out }).toEqual({ code: 1, out: "" });
    expect(error).toContain('QUEUE_NOT_FOUND: There is no queue "nowhere"');
    expect(await lazyQueue("ls", join(dir, "nowhere"))).toMatchObject({ code: 1 });
  });

  test("wrong usage prints the usage, exit code 2", async () => {
    const wrong = [
      [],
      ["frob", dir],
      ["ls"],
      ["cat", dir],
      ["ls", "--frob"],
      ["ls", dir, "a", "b"],
    ];
    for (const args of [...wrong, ["cat", dir, "q", "-n", "many"]]) {
      const { code, error } = await lazyQueue(...args);
      expect(code).toBe(2);
      expect(error).toContain("Exit codes:");
    }
    expect(await lazyQueue("--help")).toMatchObject({ code: 0, error: "" });
    expect((await lazyQueue("-v")).out).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  test("runs as the package's command, and does not mind a closed pipe", async () => {
    await fill();
    const bin = fileURLToPath(new URL("../dist/lazy-queue.js", import.meta.url));
    const run = promisify(execFile);
    const { stdout } = await run(process.execPath, [bin, "cat", dir, "日本/trace", "--raw"]);
    expect(stdout).toBe("01234567891011");
    const piped = `"${process.execPath}" "${bin}" cat "${dir}" "日本/trace" | head -n 1`;
    const { stdout: first, stderr } = await run("sh", ["-c", piped]);
    expect(first).toMatch(/^\S+ {2}0\n$/);
    expect(stderr).toBe("");
  });
});

/** Everything that was written since the last call; `read()` alone may give one piece of it. */
function shownOn(screen: PassThrough): string {
  const pieces: Buffer[] = [];
  const read = (): Buffer | null => screen.read() as Buffer | null;
  for (let piece = read(); piece !== null; piece = read()) pieces.push(piece);
  return Buffer.concat(pieces).toString();
}
