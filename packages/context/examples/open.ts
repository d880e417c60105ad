import { defineGlobals, session } from "@lazy/context";

const job = defineGlobals({ done: 0 });

{
  await using s = session.open({ id: "nightly" });
  s.onDispose(() => console.log(`${job.done} done`));
  s.run(() => job.$add("done", 2));
  s.run(() => job.$add("done", 3));
  console.log(session.tryCurrent()); // prints undefined
}
// prints 5 done
