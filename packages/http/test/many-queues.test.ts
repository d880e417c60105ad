import { openFileStore } from "@lazy/fsqueue";
import { describe, expect, test } from "vitest";
import { emptyFolder } from "./fixtures/lazy-serve.ts";
import { put, serve } from "./fixtures/serving.ts";

describe("queues written at once", () => {
  test.each([150, 300])(
    "%i of them: no append fails, and each holds what was acknowledged",
    async (count) => {
      const store = await openFileStore({ dir: await emptyFolder(), durability: "synced" });
      const { queue } = await serve({ queues: store });
      const names = Array.from({ length: count }, (_, n) => `q${n}`);
      await Promise.all(names.map((name) => put(queue(name), "application/json")));

      const statuses = await Promise.all(
        names.flatMap((name) => Array.from({ length: 5 }, (_, n) => append(queue(name), n))),
      );

      expect(new Set(statuses)).toEqual(new Set([204]));
      for (const name of names) {
        const values = (await (await fetch(queue(name))).json()) as number[];
        expect(new Set(values)).toEqual(new Set([0, 1, 2, 3, 4]));
        expect(values.length).toBe(5);
      }
      await store.close();
    },
  );
});

async function append(url: string, n: number): Promise<number> {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: String(n),
  });
  return response.status;
}
