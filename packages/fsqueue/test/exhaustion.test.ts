import { execFileSync, spawnSync } from "node:child_process";
import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isQueueError, openFileStore } from "@lazy/fsqueue";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { textsOf } from "./fixtures/check-promises.ts";

// A loaded machine is slow, not wrong.

let dir = "";
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "fsqueue-"));
});
afterEach(async () => {
  await rm(dir, { recursive: true, force: true });
});

/** Run the fixture in a shell that has less of something. */
function appendUntilRefused(limit: string, what: string): unknown {
  const program = join(import.meta.dirname, "fixtures/append-until-refused.mjs");
  const script = `${limit}; exec "$0" "$1" "$2" "$3"`;
  const args = ["-c", script, process.execPath, program, dir, what];
  const { stdout, stderr } = spawnSync("bash", args, { encoding: "utf8" });
  if (stdout === "") throw new Error(stderr);
  return JSON.parse(stdout);
}

/** Why this process cannot mount, or undefined if it can. */
function whyNoMount(): string | undefined {
  if (process.platform !== "linux") return "tmpfs is of Linux";
  if (process.getuid?.() !== 0) return "only root may mount";
  const probe = join(tmpdir(), `fsqueue-mount-${process.pid}`);
  const { status, stderr } = spawnSync(
    "bash",
    ["-c", `mkdir -p "$0" && mount -t tmpfs tmpfs "$0" && umount "$0" && rmdir "$0"`, probe],
    { encoding: "utf8" },
  );
  return status === 0 ? undefined : `mount failed: ${stderr.trim()}`;
}

const noMount = whyNoMount();
// In CI these run or fail; elsewhere a machine that cannot mount leaves them out, and says why.
const skipsMount = noMount !== undefined && process.env["CI"] !== "true";

async function onTmpfs(options: string, run: (folder: string) => Promise<void>): Promise<void> {
  const folder = join(dir, "tmpfs");
  await mkdir(folder);
  execFileSync("mount", ["-t", "tmpfs", "-o", options, "tmpfs", folder]);
  try {
    await run(folder);
  } finally {
    execFileSync("umount", ["-l", folder]);
  }
}

describe("what runs out", () => {
  it.skipIf(skipsMount)(`disk space${skipsMount ? ` (${noMount})` : ""}`, async () => {
    await onTmpfs("size=600k", async (folder) => {
      const ballast = join(folder, "ballast");
      await writeFile(ballast, new Uint8Array(200_000));
      const store = await openFileStore({ dir: join(folder, "store") });
      await store.open("q");
      const texts: string[] = [];
      let refused: unknown;
      for (let n = 0; refused === undefined; n += 1) {
        const text = `${n}`.padEnd(5000, ".");
        try {
          await store.append("q", [Buffer.from(text)]);
          texts.push(text);
        } catch (error) {
          refused = error;
        }
      }
      expect(isQueueError(refused, "STORE_FULL")).toBe(true);
      expect(texts.length).toBeGreaterThan(20);
      expect(await textsOf(store, "q")).toEqual(texts);
      await rm(ballast);
      await store.append("q", [Buffer.from("after")], { durable: true });
      await store.close();
      const again = await openFileStore({ dir: join(folder, "store") });
      expect(await textsOf(again, "q")).toEqual([...texts, "after"]);
      await again.close();
    });
  });

  it("the size of a file: the next segment takes over", () => {
    const result = appendUntilRefused("ulimit -f 200", "EFBIG");
    expect(result).toMatchObject({ code: "STORE_FULL", after: "appended" });
    const { acknowledged, found } = result as { acknowledged: number; found: number };
    expect(acknowledged).toBeGreaterThan(100);
    expect(found).toBe(acknowledged);
  });

  it("open files", () => {
    const result = appendUntilRefused("ulimit -n 128", "EMFILE");
    expect(result).toMatchObject({ code: "STORE_FAILED", after: "appended" });
    const { acknowledged, found } = result as { acknowledged: number; found: number };
    expect(found).toBe(acknowledged);
  });
});

describe("a folder that may only be read", () => {
  const isRoot = process.getuid?.() === 0;

  it.skipIf(isRoot && skipsMount)(
    `is refused to writers and open to readers${isRoot && skipsMount ? ` (${noMount})` : ""}`,
    async () => {
      let allowed: unknown;
      if (isRoot) {
        await onTmpfs("size=600k", async (folder) => {
          const remount = async (): Promise<void> => {
            execFileSync("mount", ["-o", "remount,ro", folder]);
          };
          allowed = await allowedAfter(join(folder, "store"), remount);
        });
      } else {
        const folder = join(dir, "store");
        allowed = await allowedAfter(folder, () => chmod(folder, 0o500));
        await chmod(folder, 0o700);
      }
      expect(allowed).toEqual({ writing: "FOLDER_UNSUITABLE", reading: ["a"] });
    },
  );
});

/** Write a store, forbid writing, and see what can still be done. */
async function allowedAfter(
  folder: string,
  forbid: () => Promise<void>,
): Promise<{ writing: unknown; reading: string[] }> {
  const store = await openFileStore({ dir: folder });
  await store.open("q");
  await store.append("q", [Buffer.from("a")]);
  await store.close();
  await forbid();
  const refused: unknown = await openFileStore({ dir: folder }).catch((error: unknown) => error);
  const reader = await openFileStore({ dir: folder, readonly: true });
  const reading = await textsOf(reader, "q");
  await reader.close();
  return { writing: isQueueError(refused) ? refused.code : refused, reading };
}
