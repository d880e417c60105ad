import { EventEmitter } from "node:events";
import { session } from "@lazy/context";

const pool = new EventEmitter(); // shared by all sessions, and emitting from wherever it is

const a = session.open({ id: "a" });
a.run(() => {
  // One listener ...
  pool.once(
    "ready",
    session.bind(() => console.log(`callback in ${session.current().id}`)),
  );
  // ... or all that are added from now on, each in the session that adds it; off() and once() still work.
  session.bind(pool);
  pool.once("ready", () => console.log(`listener in ${session.current().id}`));
});

session.run({ id: "b" }, () => pool.emit("ready"));
await a.close();
// prints callback in a
// prints listener in a
