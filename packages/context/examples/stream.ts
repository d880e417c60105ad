import { session } from "@lazy/context";

async function* tokens(): AsyncGenerator<string> {
  try {
    yield `one, in ${session.current().id}`;
    yield `two, in ${session.current().id}`;
  } finally {
    console.log(`finally, in ${session.current().id}`);
  }
}

// The generator runs after session.run has returned: the session stays open until it is over.
const stream = session.run({ id: "a" }, (s) => {
  s.onDispose((outcome) => console.log(`disposed: ${outcome.status}`));
  return tokens();
});

// Whoever drives it, it runs in the session that made it.
await session.run({ id: "b" }, async () => {
  for await (const token of stream) console.log(token);
  console.log(`still in ${session.current().id}`);
});
// prints one, in a
// prints two, in a
// prints finally, in a
// prints disposed: ok
// prints still in b
