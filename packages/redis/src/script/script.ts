import { createHash } from "node:crypto";
import { common, stored } from "./common.ts";
import { lease } from "./lease.ts";
import { read } from "./read.ts";
import { write } from "./write.ts";

/**
 * An operation gives its answer: `ok` or an error's code, then values. One that says so as well does not
 * renew a sliding TTL, or has done it itself. Stands behind each group of operations, since making the
 * functions of all of them took a fifth of the time of a call.
 */
const answer = `
if run then
  local q = load()
  if not q and op ~= 'open' then return { 'QUEUE_NOT_FOUND' } end
  local reply, renewed = run(q)
  if not renewed then renew(q) end
  return reply
end
`;

/**
 * Every operation on one queue, as one script: a server either has it or not, so that no call can overtake an
 * earlier one that found it missing.
 */
export const source: string = [common, write, answer, stored, read, answer, lease, answer].join("");

/** What EVALSHA calls it by. */
export const sha: string = createHash("sha1").update(source).digest("hex");
