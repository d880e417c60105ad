#!/usr/bin/env node
import { main } from "./cli/main.ts";

const aborter = new AbortController();
process.once("SIGINT", () => aborter.abort());
// `lazy-queue cat … | head` closes the pipe when it has seen enough.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  process.exit(error.code === "EPIPE" ? 0 : 1);
});

process.exitCode = await main(process.argv.slice(2), {
  out: (text) => process.stdout.write(text),
  error: (text) => process.stderr.write(text),
  progress: process.stderr.isTTY ? process.stderr : undefined,
  signal: aborter.signal,
});
