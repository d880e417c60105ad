import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { openFileStore } from "@lazy/fsqueue";
import { testStoreContract } from "@lazy/fsqueue/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { textsOf } from "./fixtures/check-promises.ts";
import { readingAlong } from "./fixtures/reading-along.ts";
import { SimulatedDisk } from "./fixtures/simulated-disk.ts";
import { vitestRunner } from "./fixtures/vitest-runner.ts";

// A loaded machine is slow, not wrong.

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const children: ChildProcess[] = [];
let dir = "";

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "fsqueue-"));
});
afterEach(async () => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
  await rm(dir, { recursive: true });
});

/** Start a program of `fixtures`; `line` gives what it prints, line by line. */
function start(
  program: string,
  ...args: string[]
): { child: ChildProcess; line: () => Promise<string> } {
  const child = spawn(process.execPath, [join(import.meta.dirname, "fixtures", program), ...args], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  children.push(child);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return { child, line: async () => String((await lines.next()).value) };
}

describe("a folder", () => {
  it("is for this user only", async () => {
    const store = await openFileStore({ dir: join(dir, "new", "store") });
    await store.open("q");
    for (const folder of ["new", "new/store", "new/store/lane-000001"]) {
      expect((await stat(join(dir, folder))).mode & 0o777).toBe(0o700);
    }
    const lane = join(dir, "new/store/lane-000001");
    for (const file of await readdir(lane)) {
      expect((await stat(join(lane, file))).mode & 0o777).toBe(0o600);
    }
    expect((await stat(join(dir, "new/store/LOCK"))).mode & 0o777).toBe(0o600);
    await store.close();
  });

  it("has one writer: a second is refused, in this process too", async () => {
    const store = await openFileStore({ dir });
    await expect(openFileStore({ dir })).rejects.toMatchObject({
      code: "FOLDER_IN_USE",
      details: { pid: process.pid },
    });
    await store.close();
    await (await openFileStore({ dir })).close();
  });

  it("is free again when it could not be opened", async () => {
    await (await openFileStore({ dir })).close();
    const segment = join(dir, "lane-000001", "0000000001.seg");
    const whole = await readFile(segment);
    await writeFile(segment, whole.fill(1, 0, 20));
    for (let n = 0; n < 2; n += 1) {
      await expect(openFileStore({ dir })).rejects.toMatchObject({ code: "CORRUPT" });
    }
  });

  it("is refused to a second process, and free again when the first is killed", async () => {
    const writer = start("hold-folder.mjs", dir);
    expect(await writer.line()).toBe("open");
    await expect(openFileStore({ dir })).rejects.toMatchObject({
      code: "FOLDER_IN_USE",
      details: { pid: writer.child.pid },
    });
    writer.child.kill("SIGKILL");
    await once(writer.child, "exit");
    await (await openFileStore({ dir })).close();
  });

  it("is not held by a lock whose process is gone, or whose pid another process has", async () => {
    await (await openFileStore({ dir })).close();
    const boot = (await readFile("/proc/sys/kernel/random/boot_id", "utf8").catch(() => "")).trim();
    const stale = [
      { pid: 2 ** 22 + 1, started: "1", boot, namespace: "" },
      { pid: process.pid, started: "1", boot, namespace: "" },
      { pid: process.pid, started: "1", boot: "another", namespace: "" },
    ];
    for (const owner of [...stale.map((one) => JSON.stringify(one)), "", "{", "null", "17"]) {
      await writeFile(join(dir, "LOCK"), owner);
      const store = await openFileStore({ dir });
      expect(store.capabilities.readonly).toBe(false);
      await store.close();
    }
  });

  it("loses no file that another process put in the way", async () => {
    const store = await openFileStore({ dir, segmentBytes: 1000 });
    await store.open("q");
    const next = join(dir, "lane-000001", "0000000002.seg");
    await writeFile(next, "precious");
    await store.append("q", [new Uint8Array(2000)]);
    await expect(store.append("q", [bytes("a")])).rejects.toMatchObject({ code: "STORE_FAILED" });
    expect(await readFile(next, "utf8")).toBe("precious");
    await store.append("q", [bytes("b")]);
    expect((await store.info("q"))?.messages).toBe(2);
    await store.close();
  });

  it("on a network file system is refused", async () => {
    class NetworkDisk extends SimulatedDisk {
      override folderType(): Promise<number> {
        return Promise.resolve(0x6969);
      }
    }
    await expect(
      openFileStore({ dir: "/disk/store", port: new NetworkDisk() }),
    ).rejects.toMatchObject({ code: "FOLDER_UNSUITABLE", details: { fileSystem: "NFS" } });
  });

  it("that is a file is refused", async () => {
    await writeFile(join(dir, "file"), "");
    await expect(openFileStore({ dir: join(dir, "file", "store") })).rejects.toMatchObject({
      code: "FOLDER_UNSUITABLE",
    });
  });
});

describe("a reader in another process", () => {
  it("tails live what this process writes", async () => {
    const store = await openFileStore({ dir, segmentBytes: 4000 });
    await store.open("q");
    await store.append("q", [bytes("m0")]);
    const reader = start("tail-queue.mjs", dir, "q");
    expect(await reader.line()).toBe("m0");
    for (let n = 1; n <= 100; n += 1) {
      await store.append("q", [bytes(`m${n}`)]);
      expect(await reader.line()).toBe(`m${n}`);
    }
    await store.seal("q", { status: "ok" }, { messages: [bytes("last")] });
    expect(await reader.line()).toBe("last");
    expect(await reader.line()).toBe("end ok");
    await store.close();
  });

  it("reads while no writer is there, and refuses to write", async () => {
    const store = await openFileStore({ dir });
    await store.open("q");
    await store.append("q", [bytes("a")]);
    await store.close();
    const reader = await openFileStore({ dir, readonly: true });
    expect(reader.capabilities.readonly).toBe(true);
    expect(await textsOf(reader, "q")).toEqual(["a"]);
    for (const refused of [
      reader.append("q", [bytes("b")]),
      reader.open("new"),
      reader.seal("q", { status: "ok" }),
      reader.trim("q", "now"),
      reader.take("q", 1),
      reader.remove("q"),
      reader.cursors.set("q", "g", "0000000000000001"),
    ]) {
      await expect(refused).rejects.toMatchObject({ code: "STORE_READONLY" });
    }
    await reader.close();
  });
});

testStoreContract(vitestRunner, {
  name: "file store read along",
  provides: ["forks"],
  async createHost() {
    const folder = await mkdtemp(join(tmpdir(), "fsqueue-"));
    const writer = await openFileStore({ dir: folder, segmentBytes: 2000 });
    const reader = await openFileStore({ dir: folder, readonly: true });
    const store = readingAlong(writer, reader);
    return {
      store,
      async close() {
        await store.close();
        await rm(folder, { recursive: true });
      },
    };
  },
});
