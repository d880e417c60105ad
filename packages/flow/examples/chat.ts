// A chat answer: look up, render, stream the model's tokens, clean them up.
import { session } from "@lazy/context";
import { flow } from "@lazy/flow";

const chat = flow<{ q: string }>("chat")
  .step("docs", async ({ q }) => [`what ${q} is`, `how ${q} works`])
  .step("prompt", (docs, { input }) => `${input.q}: ${docs.join(", ")}`)
  .step("llm", async function* (prompt) {
    for (const word of prompt.split(" ")) yield `${session.current().id}/${word}`;
  })
  .each((token) => token.toUpperCase());

const stream = session.run({ id: "ada" }, () => chat.stream({ q: "flow" }));
for await (const token of stream) console.log(token);

// Prints:
// ADA/FLOW:
// ADA/WHAT
// ADA/FLOW
// ADA/IS,
// ADA/HOW
// ADA/FLOW
// ADA/WORKS
