import { type Store, openFileStore } from "@lazy/fsqueue";
import { describe, expect, it } from "vitest";
import { textsOf } from "./fixtures/check-promises.ts";
import { type DiskImage, SimulatedDisk, systemError } from "./fixtures/simulated-disk.ts";

const dir = "/disk/store";
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const ok = { status: "ok" } as const;

interface Call {
  /** What is to be kept, by a store that owes only what is written. */
  readonly call: (store: Store) => Promise<unknown>;
  /** What is found of it. */
  readonly found: (store: Store) => Promise<unknown>;
  readonly expected: unknown;
}

const producer = { id: "p", epoch: 0, sequence: 0 };
const calls: Record<string, Call> = {
  "an append that asks for it": {
    call: (store) => store.append("q", [bytes("c")], { durable: true }),
    found: (store) => textsOf(store, "q"),
    expected: ["a", "b", "c"],
  },
  "a cursor": {
    call: (store) => store.cursors.set("q", "g", "0000000000000001"),
    found: (store) => store.cursors.get("q", "g"),
    expected: "0000000000000001",
  },
  "a trim": {
    call: (store) => store.trim("q", "now"),
    found: (store) => textsOf(store, "q"),
    expected: [],
  },
  "a trim of what is being trimmed": {
    call: (store) => {
      void store.trim("q", "now");
      return store.trim("q", "now");
    },
    found: (store) => textsOf(store, "q"),
    expected: [],
  },
  "a removal": {
    call: (store) => store.remove("q"),
    found: (store) => store.info("q"),
    expected: undefined,
  },
  "a seal": {
    call: (store) => store.seal("q", ok),
    found: async (store) => (await store.info("q"))?.ending,
    expected: ok,
  },
  "a seal of what is being sealed": {
    call: (store) => {
      void store.seal("q", ok);
      return store.seal("q", ok);
    },
    found: async (store) => (await store.info("q"))?.ending,
    expected: ok,
  },
  "a queue that is created sealed": {
    call: (store) => store.open("whole", { messages: [bytes("w")], ending: ok }),
    found: async (store) => [(await store.info("whole"))?.ending, await textsOf(store, "whole")],
    expected: [ok, ["w"]],
  },
  "an acknowledgement of what was leased": {
    call: async (store) => {
      const options = { max: 1, visibilityMs: 60_000, maxDeliveries: 1 };
      const [leased] = await store.leases!.acquire("q", "g", options);
      await store.leases!.acknowledge("q", "g", [leased!.offset]);
    },
    found: async (store) => {
      const options = { max: 9, visibilityMs: 60_000, maxDeliveries: 1 };
      const leased = await store.leases!.acquire("q", "g", options);
      return leased.map(({ data }) => new TextDecoder().decode(data));
    },
    expected: ["b"],
  },
  "a producer's retry that asks for it": {
    call: async (store) => {
      await store.append("q", [bytes("c")], { producer });
      await store.append("q", [bytes("c")], { producer, durable: true });
    },
    found: (store) => textsOf(store, "q"),
    expected: ["a", "b", "c"],
  },
};

/** Nothing is durable in the same turn of the event loop. */
class SlowDisk extends SimulatedDisk {
  override async sync(descriptor: number): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    return super.sync(descriptor);
  }
}

async function openOn(disk: SimulatedDisk, durability: "written" | "synced" = "written") {
  const store = await openFileStore({ dir, port: disk, durability });
  await store.open("q", { messages: [bytes("a"), bytes("b")] });
  await store.flush();
  return store;
}

/** What a power cut leaves of what was not synced: nothing. */
function cut(disk: SimulatedDisk): DiskImage {
  return disk.cuts(() => 0)[0]!.image;
}

describe("when it resolves, a power cut takes it no more:", () => {
  it.each(Object.keys(calls))("%s", async (name) => {
    const { call, found, expected } = calls[name]!;
    const disk = new SlowDisk();
    const store = await openOn(disk);
    await call(store);
    const image = cut(disk);
    const again = await openFileStore({ dir, port: new SimulatedDisk({ image, boot: "next" }) });
    expect(await found(again)).toEqual(expected);
    await again.close();
    await store.close();
  });
});

describe("a producer's retry of what is under way", () => {
  it("is answered when that stands in the log, not before", async () => {
    const disk = new SlowDisk();
    const store = await openOn(disk, "synced");
    const first = store.append("q", [bytes("c")], { producer });
    expect((await store.append("q", [bytes("c")], { producer })).duplicate).toBe(true);
    const image = cut(disk);
    await first;
    const again = await openFileStore({ dir, port: new SimulatedDisk({ image }) });
    expect(await textsOf(again, "q")).toEqual(["a", "b", "c"]);
    await again.close();
    await store.close();
  });
});

describe("offsets after a power cut", () => {
  /** One process after the other writes a message that is never synced; the power is cut after each. */
  async function offsetsOf(boots: readonly string[], close: boolean): Promise<string[]> {
    let disk = new SimulatedDisk({ boot: "first" });
    await (await openOn(disk)).close();
    const offsets: string[] = [];
    for (const boot of boots) {
      disk = new SimulatedDisk({ image: close ? disk.image() : cut(disk), boot });
      const store = await openFileStore({ dir, port: disk });
      offsets.push((await store.append("q", [bytes("lost")])).offset);
      if (close) await store.close();
    }
    return offsets;
  }

  it("are never given again, though nothing of what had them is left", async () => {
    const offsets = await offsetsOf(["second", "third", "fourth"], false);
    expect(new Set(offsets).size).toBe(3);
    expect(offsets).toEqual(offsets.toSorted());
  });

  it("are not known to be free where the system does not tell of its starts", async () => {
    expect(new Set(await offsetsOf(["", "", ""], false)).size).toBe(3);
  });

  it("leave no gap after a process that closed the store, nor after one that only died", async () => {
    const offsets = await offsetsOf(["second", "third", "fourth"], true);
    expect(offsets.map(Number)).toEqual([3, 4, 5]);
    const disk = new SimulatedDisk();
    await openOn(disk);
    const again = await openFileStore({ dir, port: new SimulatedDisk({ image: disk.image() }) });
    expect(Number((await again.append("q", [bytes("c")])).offset)).toBe(3);
    await again.close();
  });

  it("stay apart when the process that knew of the gap dies before it wrote anything", async () => {
    let disk = new SimulatedDisk({ boot: "first" });
    const store = await openOn(disk);
    const { offset } = await store.append("q", [bytes("lost")]);
    disk = new SimulatedDisk({ image: cut(disk), boot: "second" });
    await openFileStore({ dir, port: disk });
    // The same start of the machine, and nothing else is lost: only the log tells of the gap.
    disk = new SimulatedDisk({ image: disk.image(), boot: "second" });
    const again = await openFileStore({ dir, port: disk });
    expect((await again.append("q", [bytes("after")])).offset > offset).toBe(true);
    await again.close();
  });

  it("stay apart when the segment that told of the gap was given back", async () => {
    const options = { dir, segmentBytes: 2000 };
    let disk = new SimulatedDisk({ boot: "first" });
    const first = await openFileStore({ ...options, port: disk });
    // All of the first segment stays: only a later one can be given back.
    await first.open("q", { messages: [new Uint8Array(50_000)] });
    await first.flush();
    const { offset } = await first.append("q", [bytes("lost")]);
    disk = new SimulatedDisk({ image: cut(disk), boot: "second" });
    const second = await openFileStore({ ...options, port: disk });
    await second.open("busy");
    for (let n = 0; n < 9; n += 1) await second.append("busy", [new Uint8Array(500)]);
    const before = await disk.list(`${dir}/lane-000001`);
    await second.remove("busy");
    await second.compact();
    const left = await disk.list(`${dir}/lane-000001`);
    expect(before).toContain("0000000002.seg");
    expect(left).toContain("0000000001.seg");
    expect(left).not.toContain("0000000002.seg");
    await second.close();
    const again = await openFileStore({ ...options, port: disk });
    expect((await again.append("q", [bytes("after")])).offset > offset).toBe(true);
    await again.close();
  });

  it("stay apart when the message that left the gap was refused", async () => {
    const dying = new SimulatedDisk({ boot: "first" });
    const { offset } = await (await openOn(dying)).append("q", [bytes("lost")]);
    let full = false;
    const disk = new SimulatedDisk({
      image: cut(dying),
      boot: "second",
      fail: (operation, path) =>
        full && operation === "write" ? systemError("ENOSPC", path) : undefined,
    });
    const store = await openFileStore({ dir, port: disk });
    full = true;
    await expect(store.append("q", [bytes("refused")])).rejects.toMatchObject({
      code: "STORE_FULL",
    });
    full = false;
    const after = await store.append("q", [bytes("after")]);
    expect(after.offset > offset).toBe(true);
    await store.close();
    const again = await openFileStore({ dir, port: new SimulatedDisk({ image: disk.image() }) });
    expect(await textsOf(again, "q")).toEqual(["a", "b", "after"]);
    // One gap is enough.
    const next = await again.append("q", [bytes("next")]);
    expect(Number(next.offset)).toBe(Number(after.offset) + 1);
    await again.close();
  });

  it.each([
    ["the message after the gap is damaged", false],
    ["the gap is damaged as well, and only the trim tells", true],
  ])("stay apart when %s", async (_, trimmed) => {
    let disk = new SimulatedDisk({ boot: "first" });
    await openOn(disk);
    disk = new SimulatedDisk({ image: cut(disk), boot: "second" });
    const store = await openFileStore({ dir, port: disk });
    const { offset } = await store.append("q", [bytes("damaged")]);
    if (trimmed) await store.trim("q", offset);
    await store.close();
    const image = new Map(disk.image());
    const path = `${dir}/lane-000001/0000000001.seg`;
    const file = Buffer.from((image.get(path) as Uint8Array).slice());
    const place = file.indexOf("damaged");
    file[place]! ^= 1;
    // The payload of the GAP record ends where the header of the message begins.
    if (trimmed) file[place - 25]! ^= 1;
    disk = new SimulatedDisk({ image: image.set(path, file), boot: "second" });
    const again = await openFileStore({ dir, port: disk, salvage: () => {} });
    const info = await again.info("q");
    expect(info!.head <= info!.tail).toBe(true);
    const { next } = await again.read("q", "start");
    expect((await again.read("q", next)).messages).toEqual([]);
    expect((await again.append("q", [bytes("after")])).offset > offset).toBe(true);
    await again.close();
  });
});
