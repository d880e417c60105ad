// What happens while it happens: also the tokens of a stream that is collected inside.
import { flow } from "@lazy/flow";

const summary = flow<string>("summary")
  .step("llm", async function* (text) {
    yield* text.split(" ");
  })
  .collect("words")
  .step("count", (words) => words.length);
for await (const event of summary.events("to be")) {
  if (event.type === "step-chunk") console.log(event.path.join("/"), event.chunk);
  if (event.type === "run-ended") console.log("result", event.output);
}

// Prints:
// llm to
// llm be
// result 2
