// An agent: act until done, at most five rounds; what to do is chosen by what the model said.
import { loop, switchOn } from "@lazy/flow";

interface State {
  readonly notes: readonly string[];
  readonly next: "search" | "answer" | "done";
}

const act = switchOn((state: State) => state.next).cases({
  search: async ({ notes }): Promise<State> => ({ notes: [...notes, "found"], next: "answer" }),
  answer: ({ notes }): State => ({ notes: [...notes, "said"], next: "done" }),
  done: (state): State => state,
});
const agent = loop(async (state: State) => act(state), {
  until: ({ next }) => next === "done",
  max: 5,
});
console.log((await agent({ notes: [], next: "search" })).notes.join(", "));

// Prints:
// found, said
