import { mkdtemp, readFile, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openFileStore } from "@lazy/fsqueue";
import { expect, it } from "vitest";
import { readSegment } from "./fixtures/segment-bytes.ts";

const decoder = new TextDecoder();
const trimmed = "\0trimmed";

/** Read a folder by FORMAT.md: the messages of each queue by its name. */
async function readFolder(
  dir: string,
): Promise<Map<string, { texts: string[]; ending?: unknown }>> {
  const paths: string[] = [];
  for (const lane of (await readdir(dir)).filter((name) => /^lane-\d{6}$/.test(name))) {
    for (const file of await readdir(join(dir, lane))) paths.push(join(dir, lane, file));
  }
  const names = new Map<number, string>();
  const queues = new Map<number, { texts: string[]; ending?: unknown }>();
  for (const path of paths.toSorted((a, b) => a.slice(-14).localeCompare(b.slice(-14)))) {
    for (const { type, queue, sequence, payload } of readSegment(await readFile(path))) {
      const state = queues.get(queue) ?? { texts: [] };
      queues.set(queue, state);
      if (type === 1) names.set(queue, JSON.parse(decoder.decode(payload)).name);
      if (type === 2) state.texts[sequence] = decoder.decode(payload);
      if (type === 3) state.ending = JSON.parse(decoder.decode(payload)).ending;
      if (type === 4) state.texts.fill(trimmed, 0, sequence);
      if (type === 8) queues.delete(queue);
    }
  }
  return new Map(
    [...names].flatMap(([number, name]) => {
      const state = queues.get(number);
      if (state === undefined) return [];
      return [[name, { ...state, texts: state.texts.filter((text) => text !== trimmed) }]];
    }),
  );
}

it("FORMAT.md is enough to read a folder", async () => {
  const dir = await mkdtemp(join(tmpdir(), "fsqueue-"));
  const store = await openFileStore({ dir, segmentBytes: 5000 });
  const names = ["plain", "../x", "emoji 😀"];
  const expected = new Map<string, { texts: string[]; ending?: unknown }>();
  for (const name of names) {
    await store.open(name, { metadata: { type: "text" } });
    expected.set(name, { texts: [] });
  }
  for (let n = 0; n < 40; n += 1) {
    for (const [name, { texts }] of expected) {
      const batch = [`${name} ${n}`, "é".repeat(n * 5)];
      texts.push(...batch);
      const producer = { id: "p", epoch: 1, sequence: n };
      await store.append(
        name,
        batch.map((text) => Buffer.from(text)),
        { producer },
      );
    }
  }
  await store.open("removed", { messages: [Buffer.from("x")] });
  await store.remove("removed");
  await store.take("plain", 3);
  expected.get("plain")!.texts.splice(0, 3);
  const ending = { status: "error", name: "E", message: "m", code: "C" } as const;
  await store.seal("../x", ending, { messages: [Buffer.from("last")] });
  expected.get("../x")!.texts.push("last");
  expected.get("../x")!.ending = ending;
  await store.close();
  expect((await readdir(join(dir, "lane-000001"))).length).toBeGreaterThan(3);
  expect(await readFolder(dir)).toEqual(expected);
  await rm(dir, { recursive: true });
});

it("the checksums are right for messages of every length", async () => {
  const dir = await mkdtemp(join(tmpdir(), "lazy-format-"));
  const store = await openFileStore({ dir });
  await store.open("lengths");
  const messages = Array.from({ length: 800 }, (_, length) =>
    Uint8Array.from({ length }, (_byte, at) => (at * 31 + length * 7) & 255),
  );
  await store.append("lengths", messages);
  await store.close();
  const file = await readFile(join(dir, "lane-000001", "0000000001.seg"));
  const data = readSegment(file).filter(({ type }) => type === 2);
  const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
  expect(data.map(({ payload }) => hex(payload))).toEqual(messages.map(hex));
  await rm(dir, { recursive: true });
});
