import { defineGlobals, session } from "@lazy/context";

const request = defineGlobals(
  { user: null as string | null, password: "" },
  { name: "request", policy: { user: { propagate: true } } },
);

// In one process:
const headers = session.run({ id: "r-1" }, () => {
  request.user = "ada";
  request.password = "secret";
  return session.inject({ accept: "application/json" });
});
console.log(Object.keys(headers)); // prints [ 'accept', 'lazy-session' ]

// In another: the headers of a fetch, the workerData of a thread, a variable of a child process.
session.extract(headers, (s) => {
  console.log([s.id, request.user, request.password]); // prints [ 'r-1', 'ada', '' ]
});

// Whatever has been tampered with is refused, and the request goes on without it.
session.extract({ "lazy-session": "!" }, () => console.log(request.user)); // prints null
