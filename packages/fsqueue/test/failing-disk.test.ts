import { type FilePort, type Store, openFileStore } from "@lazy/fsqueue";
import { describe, expect, it } from "vitest";
import { textsOf } from "./fixtures/check-promises.ts";
import { codeOf } from "./fixtures/code-of.ts";
import { portWith } from "./fixtures/port-with.ts";
import { SimulatedDisk, seededRandom, systemError } from "./fixtures/simulated-disk.ts";

const dir = "/disk/store";
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** Open a store on a disk that fails where the test says. */
async function openOn(
  durability: "written" | "synced",
  when: "fail" | "failAfter" = "fail",
): Promise<{ store: Store; disk: SimulatedDisk; failing: Map<string, string> }> {
  const failing = new Map<string, string>();
  const disk = new SimulatedDisk({
    [when]: (operation: string, path: string) => {
      const code = failing.get(operation);
      return code === undefined ? undefined : systemError(code, path);
    },
  });
  const store = await openFileStore({ dir, durability, port: disk });
  await store.open("q");
  await store.append("q", [bytes("before")], { durable: true });
  return { store, disk, failing };
}

describe("a full disk", () => {
  for (const durability of ["written", "synced"] as const) {
    it(`rejects what does not fit, and all is well once there is room: ${durability}`, async () => {
      const { store, disk, failing } = await openOn(durability);
      failing.set("write", "ENOSPC");
      const refused = [
        codeOf(store.append("q", [bytes("a")])),
        codeOf(store.append("q", [bytes("b")])),
        codeOf(store.open("other")),
        codeOf(store.trim("q", "now")),
        codeOf(store.seal("q", { status: "ok" })),
        codeOf(store.remove("q")),
      ];
      const codes = new Set(await Promise.all(refused));
      expect([...codes]).toEqual(["STORE_FULL"]);
      failing.clear();
      expect(await textsOf(store, "q")).toEqual(["before"]);
      expect(await store.info("other")).toBeUndefined();
      await store.append("q", [bytes("after")]);
      expect(await textsOf(store, "q")).toEqual(["before", "after"]);
      await store.close();
      const again = await openFileStore({ dir, port: new SimulatedDisk({ image: disk.image() }) });
      expect(await textsOf(again, "q")).toEqual(["before", "after"]);
      await again.close();
    });
  }

  it("is another file's matter when only this one may not grow: the next segment takes over", async () => {
    const { store, disk, failing } = await openOn("written");
    failing.set("write", "EFBIG");
    const full = store.append("q", [bytes("a")]);
    expect(await codeOf(full)).toBe("STORE_FULL");
    failing.clear();
    await store.append("q", [bytes("after")]);
    expect(await disk.list(`${dir}/lane-000001`)).toHaveLength(2);
    expect(await textsOf(store, "q")).toEqual(["before", "after"]);
    await store.close();
  });

  it("leaves no trace of what was refused, not even after a crash", async () => {
    expect(await refusedBlocks((port) => port)).toEqual(["aaaaaaaaaa"]);
  });

  it("leaves none after a power cut either, though all of it stood in the file", async () => {
    const { store, disk, failing } = await openOn("synced", "failAfter");
    failing.set("write", "ENOSPC");
    expect(await codeOf(store.append("q", [bytes("refused")]))).toBe("STORE_FULL");
    const random = seededRandom(1);
    for (let round = 0; round < 8; round += 1) {
      for (const { name, image } of disk.cuts(random)) {
        const again = await openFileStore({ dir, port: new SimulatedDisk({ image }) });
        expect({ name, texts: await textsOf(again, "q") }).toEqual({ name, texts: ["before"] });
        await again.close();
      }
    }
    await store.close().catch(() => {});
  });

  it("would leave one if the journal did not truncate", async () => {
    const found = await refusedBlocks((port) => portWith(port, { truncate: async () => {} }));
    expect(found).toContain("bbbbbbbbbb");
  });
});

/** Two blocks of one batch; the second is refused, when both are in the file already. */
async function refusedBlocks(mutate: (port: FilePort) => FilePort): Promise<string[]> {
  let count = 0;
  let failAt = 0;
  const disk = new SimulatedDisk({
    failAfter(operation, path) {
      if (operation !== "write") return undefined;
      count += 1;
      return count === failAt ? systemError("ENOSPC", path) : undefined;
    },
  });
  const store = await openFileStore({ dir, durability: "synced", port: mutate(disk) });
  await store.open("q");
  failAt = count + 2;
  const first = new Uint8Array(100 << 10).fill(97);
  const refused = new Uint8Array(1 << 20).fill(98);
  const codes = await Promise.all([
    codeOf(store.append("q", [first])),
    codeOf(store.append("q", [refused])),
  ]);
  expect(codes).toEqual(["STORE_FULL", "STORE_FULL"]);
  await store.append("q", [first]);
  const after = await openFileStore({ dir, port: new SimulatedDisk({ image: disk.image() }) });
  const found = (await textsOf(after, "q")).map((text) => text.slice(0, 10));
  await after.close();
  await store.close();
  return found;
}
