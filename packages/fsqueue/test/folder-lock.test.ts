import { once } from "node:events";
import { mkdir, mkdtemp, readFile, readlink, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openFileStore } from "@lazy/fsqueue";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

let dir = "";
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "fsqueue-"));
});
afterEach(async () => {
  await rm(dir, { recursive: true });
});

/** What a writer that is this very process would have left in its LOCK file. */
async function livingOwner(): Promise<Record<string, unknown>> {
  const store = await openFileStore({ dir });
  const owner = JSON.parse(await readFile(join(dir, "LOCK"), "utf8")) as Record<string, unknown>;
  await store.close();
  return owner;
}

function writeLock(owner: Record<string, unknown>): Promise<void> {
  return writeFile(join(dir, "LOCK"), JSON.stringify(owner));
}

async function outcomeOfOpening(): Promise<unknown> {
  try {
    await (await openFileStore({ dir })).close();
    return "opened";
  } catch (error) {
    return (error as { code?: unknown }).code;
  }
}

const isLinux = process.platform === "linux";
const only = isLinux ? "" : " (of Linux: pid namespaces, abstract sockets)";

describe.skipIf(!isLinux)(`who writes a folder${only}`, () => {
  it("is told by the LOCK file to a process in another network, as long as it lives", async () => {
    const owner = await livingOwner();
    expect(owner).toMatchObject({
      pid: process.pid,
      namespace: await readlink("/proc/self/ns/pid"),
    });
    await writeLock(owner);
    expect(await outcomeOfOpening()).toBe("FOLDER_IN_USE");
    // The refusal took nothing.
    await rm(join(dir, "LOCK"));
    expect(await outcomeOfOpening()).toBe("opened");
  });

  it("is nobody when the pid is of a later process, or of an earlier start of the machine", async () => {
    const owner = await livingOwner();
    for (const stale of [
      { ...owner, started: "1" },
      { ...owner, boot: "another" },
    ]) {
      await writeLock(stale);
      expect(await outcomeOfOpening()).toBe("opened");
    }
  });

  it("answers from another container, where the pid says nothing", async () => {
    const owner = { ...(await livingOwner()), namespace: "pid:[1]" };
    const server = createServer().listen(join(dir, "writer.sock"));
    await once(server, "listening");
    // Neither a pid that is nobody's here nor one that is somebody's tells anything.
    for (const pid of [2 ** 22 + 1, process.pid]) {
      await writeLock({ ...owner, pid });
      expect(await outcomeOfOpening()).toBe("FOLDER_IN_USE");
    }
    server.close();
    await once(server, "close");
    await writeLock(owner);
    expect(await outcomeOfOpening()).toBe("opened");
  });

  it("is nobody after an opening that failed", async () => {
    await mkdir(join(dir, "lane-000001"));
    for (const name of ["0000000001.seg", "0000000002.seg"]) {
      await writeFile(join(dir, "lane-000001", name), new Uint8Array(500).fill(7));
    }
    expect(await outcomeOfOpening()).toBe("CORRUPT");
    expect(await outcomeOfOpening()).toBe("CORRUPT");
    await rm(join(dir, "lane-000001"), { recursive: true });
    expect(await outcomeOfOpening()).toBe("opened");
  });

  it("keeps no process alive by holding it", async () => {
    const sockets = (): number =>
      process.getActiveResourcesInfo().filter((type) => type.startsWith("Pipe")).length;
    const before = sockets();
    const store = await openFileStore({ dir });
    expect(sockets()).toBe(before);
    await store.close();
  });

  it("keeps it when its files are deleted", async () => {
    const store = await openFileStore({ dir });
    await rm(join(dir, "LOCK"));
    await rm(join(dir, "writer.sock"));
    expect(await outcomeOfOpening()).toBe("FOLDER_IN_USE");
    await store.close();
    expect(await outcomeOfOpening()).toBe("opened");
  });
});
