import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";

test("what is over is not held: data of ended sessions, and streams that nobody reads", async () => {
  const collect = fileURLToPath(new URL("fixtures/collect.mjs", import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, ["--expose-gc", collect]);
  expect(JSON.parse(stdout)).toEqual({
    watched: 20,
    // Nothing of a session is reachable that ended, though a timer, a socket, a stream or a function carries it.
    alive: [],
    // A generator that is collected unfinished has its finally run in its session, which then ends.
    abandoned: [
      "abandoned 0: aborted STREAM_ABANDONED",
      "abandoned 1: aborted STREAM_ABANDONED",
      "cancel in readable",
      "finally in abandoned 1",
      "finally in bound",
      "inner: aborted",
      "outer: aborted",
      "readable: aborted",
    ],
  });
});
