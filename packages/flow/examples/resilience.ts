// A slow or failing step: a time limit, two more attempts, then something to say instead.
import { flow } from "@lazy/flow";

const answer = flow<string>("answer").step(
  "llm",
  async function* (q, { attempt }) {
    if (attempt < 3) throw new Error(`attempt ${attempt} failed`);
    yield `${q}: yes`;
  },
  {
    timeout: 2000,
    retry: { attempts: 2, when: ({ message }) => message.includes("failed") },
    async *fallback(error) {
      yield `sorry (${error.message})`;
    },
  },
);
for await (const token of answer.stream("really?")) console.log(token);

// Prints:
// sorry (llm: attempt 2 failed)
