import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { session } from "@lazy/context";

function closed(message: unknown): void {
  const { session: s, outcome } = message as {
    session: { id: string };
    outcome: { status: string };
  };
  console.log(`${s.id}: ${outcome.status}`);
}
subscribe("lazy:session:closed", closed);
session.run({ id: "short" }, () => 1); // prints short: ok

const watch = session.watch();
const forgotten = session.open({ id: "forgotten" });
const [leak] = watch.report({ olderThanMs: 0 }); // in production 60_000, from time to time
console.log(leak?.session, leak?.stack.includes("diagnostics.ts")); // prints Session { id: 'forgotten', state: 'open' } true
watch.stop();

await forgotten.close(); // prints forgotten: ok
unsubscribe("lazy:session:closed", closed);
