import { createMemoryStore, type WaitSignal } from "@lazy/fsqueue";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { SharedWaits, type Woken } from "../src/shared-waits.ts";

/** Waits in a store that tells when they begin, and ends them when told. */
async function storeOfWaits() {
  const store = createMemoryStore();
  onTestFinished(() => store.close());
  const waits: { signal: WaitSignal; end: () => void; fail: (error: unknown) => void }[] = [];
  const wait = (_name: string, _after: string, signal?: WaitSignal): Promise<void> =>
    new Promise((resolve, reject) => {
      waits.push({ signal: signal!, end: resolve, fail: reject });
    });
  return { shared: new SharedWaits({ ...store, wait }), waits };
}

async function settled(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

describe("those who wait at one offset", () => {
  test("share a wait, and the next ones have another", async () => {
    const { shared, waits } = await storeOfWaits();
    const woken = [vi.fn<Woken>(), vi.fn<Woken>(), vi.fn<Woken>()] as const;
    shared.wait("id", "a", "1", woken[0]);
    shared.wait("id", "a", "1", woken[1]);
    expect(waits).toHaveLength(1);
    waits[0]!.end();
    await settled();
    expect(woken[0]).toHaveBeenCalledExactlyOnceWith(undefined);
    expect(woken[1]).toHaveBeenCalledExactlyOnceWith(undefined);

    shared.wait("id", "a", "1", woken[2]);
    expect(waits).toHaveLength(2);
    waits[1]!.end();
    await settled();
    expect(woken[2]).toHaveBeenCalledOnce();
  });

  test("are all told why it failed", async () => {
    const { shared, waits } = await storeOfWaits();
    const woken = vi.fn<Woken>();
    shared.wait("id", "a", "1", woken);
    const error = new Error("the store is gone");
    waits[0]!.fail(error);
    await settled();
    expect(woken).toHaveBeenCalledExactlyOnceWith({ error });
  });

  test("end it when the last of them gives up, and are not woken", async () => {
    const { shared, waits } = await storeOfWaits();
    const woken = [vi.fn<Woken>(), vi.fn<Woken>()] as const;
    const [first, second] = woken.map((one) => shared.wait("id", "a", "1", one));
    const { signal, fail } = waits[0]!;
    const onAbort = vi.fn<() => void>(() => fail(signal.reason));
    const removed = vi.fn<() => void>();
    signal.addEventListener("abort", onAbort);
    signal.addEventListener("abort", removed);
    signal.removeEventListener("abort", removed);
    first!();
    expect(onAbort).not.toHaveBeenCalled();
    expect(signal.aborted).toBe(false);
    second!();
    expect(onAbort).toHaveBeenCalledOnce();
    expect(removed).not.toHaveBeenCalled();
    expect(signal.aborted).toBe(true);
    await settled();
    for (const one of woken) expect(one).not.toHaveBeenCalled();
    shared.wait("id", "a", "1", woken[0]);
    expect(waits).toHaveLength(2);
  });
});
