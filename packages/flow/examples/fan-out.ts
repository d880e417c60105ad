// Two branches get the same question: both answers, or both streams as one.
import { flow, parallel } from "@lazy/flow";

const experts = parallel({
  short: async (q: string) => q.length,
  long: async (q: string) => q.repeat(2),
});
const both = flow<string>("both")
  .step("ask", experts)
  .step(({ short, long }) => `${short} ${long}`);
console.log(await both.call("ab"));

const letters = async function* (text: string) {
  yield* text;
};
for await (const { branch, value } of parallel({ a: letters, b: letters }).mergeTagged("xy")) {
  console.log(branch, value);
}

// Prints:
// 2 abab
// a x
// b x
// a y
// b y
