import { session } from "@lazy/context";
import { flow, Stream } from "@lazy/flow";
import { expect, it } from "vitest";

const count = flow<number>("count").step("numbers", async function* (n) {
  for (let i = 0; i < n; i += 1) {
    await Promise.resolve();
    yield `${session.current().id}:${i}`;
  }
});

it("a stream that is a session's result keeps the session open until it is drained", async () => {
  let live: unknown;
  const stream = session.run({ id: "a" }, (own) => {
    live = own;
    return count.stream(2);
  });
  expect(stream).toBeInstanceOf(Stream);
  expect(live).toMatchObject({ disposed: false });
  expect(await session.run({ id: "b" }, () => stream.toArray())).toEqual(["a:0", "a:1"]);
  expect(live).toMatchObject({ disposed: true });
});
