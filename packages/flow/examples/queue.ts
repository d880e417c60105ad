// A sink is anything with enqueue(): a queue of @lazy/fsqueue, or this. The flow waits where it asks to.
import { flow } from "@lazy/flow";

const sink = {
  messages: [] as string[],
  async enqueue(token: string): Promise<void> {
    this.messages.push(token);
  },
};
const spell = flow<string>("spell").step("letters", function* (word) {
  yield* word;
});
console.log(await spell.stream("lazy").pipeTo(sink), sink.messages.join("-"));

// Prints:
// 4 l-a-z-y
