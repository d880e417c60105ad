import { describe, expect, test } from "vitest";
import { put, serve } from "./fixtures/serving.ts";

describe("a method that is not part of the protocol", () => {
  test.each(["PATCH", "PROPFIND"])("%s is refused with those that are", async (method) => {
    const { queue } = await serve();
    await put(queue("a"), "text/plain", "secret");

    const answer = await fetch(queue("a"), { method });

    expect(answer.status).toBe(405);
    expect(answer.headers.get("allow")).toBe("GET, HEAD, POST, PUT, DELETE, OPTIONS");
    expect(await answer.json()).toMatchObject({ error: { code: "METHOD_NOT_ALLOWED" } });
  });
});

describe("every answer", () => {
  test("may be used by pages of this origin alone, unless others are allowed", async () => {
    const closed = await serve();
    const open = await serve({ cors: { origins: ["https://app.example"], maxAgeSeconds: 7 } });
    const policies = [closed, open].map(async ({ queue }) => {
      await put(queue("a"));
      const answers = await Promise.all([
        fetch(queue("a")),
        fetch(queue("none")),
        fetch(queue("a"), { headers: { origin: "https://foreign.example" } }),
      ]);
      return answers.map(({ status, headers }) => [
        status,
        headers.get("cross-origin-resource-policy"),
        headers.get("x-content-type-options"),
      ]);
    });

    expect(await Promise.all(policies)).toEqual([
      [
        [200, "same-origin", "nosniff"],
        [404, "same-origin", "nosniff"],
        [403, "same-origin", "nosniff"],
      ],
      [
        [200, "cross-origin", "nosniff"],
        [404, "cross-origin", "nosniff"],
        [403, "same-origin", "nosniff"],
      ],
    ]);
    const headers = { origin: "https://app.example" };
    const preflight = await fetch(open.queue("a"), { method: "OPTIONS", headers });
    expect(preflight.headers.get("access-control-max-age")).toBe("7");
  });
});
