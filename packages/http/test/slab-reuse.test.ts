import { openFileStore, type Store } from "@lazy/fsqueue";
import { expect, test } from "vitest";
import { emptyFolder } from "./fixtures/lazy-serve.ts";
import { rawConnection, serve } from "./fixtures/serving.ts";

test("a read that outlives its reader never reaches another's answer", async () => {
  const store = await openFileStore({ dir: await emptyFolder() });
  const gate = gated(store, "secret");
  const { server, handler } = await serve({ queues: gate.store });
  for (const [name, letter] of [
    ["secret", "s"],
    ["other", "o"],
  ] as const) {
    await store.open(name, { metadata: { "content-type": "text/plain" } });
    for (let n = 0; n < 100; n++) await store.append(name, [Buffer.alloc(40_000, letter)]);
  }

  const first = await rawConnection(server);
  first.write("GET /v1/stream/secret HTTP/1.1\r\nHost: here\r\n\r\n");
  await gate.reached;
  first.destroy();
  await expect.poll(() => handler.stats.active).toBe(1);
  const second = await rawConnection(server);
  second.pause();
  second.write("GET /v1/stream/other HTTP/1.1\r\nHost: here\r\n\r\n".repeat(5));
  await expect.poll(() => handler.stats.active).toBe(2);
  await expect.poll(() => gate.copies("other")).toBeGreaterThan(10);
  gate.open();
  await expect.poll(() => handler.stats.active).toBe(1);

  let received = "";
  second.setEncoding("latin1").on("data", (piece: string) => (received += piece));
  second.resume();
  await expect.poll(() => received.length).toBeGreaterThan(5 * 4_000_000);
  expect(received).not.toContain("ssssssss");
  await store.close();
});

/** The store, with copies from one queue held back until the gate is opened. */
function gated(store: Store, held: string) {
  let open = (): void => {};
  let reach = (): void => {};
  const opened = new Promise<void>((resolve) => (open = resolve));
  const reached = new Promise<void>((resolve) => (reach = resolve));
  const counts = new Map<string, number>();
  const readInto: NonNullable<Store["readInto"]> = async (name, from, target, options) => {
    counts.set(name, (counts.get(name) ?? 0) + 1);
    if (name === held && typeof target !== "number") {
      reach();
      await opened;
    }
    return store.readInto!(name, from, target, options);
  };
  const proxy = new Proxy(store, {
    get(target, key) {
      if (key === "readInto") return readInto;
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === "function" ? (value.bind(target) as unknown) : value;
    },
  });
  return {
    store: proxy,
    reached,
    open: () => open(),
    copies: (name: string) => counts.get(name) ?? 0,
  };
}
